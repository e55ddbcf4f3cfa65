"""Builds the practice model from nothing, stage by stage; each stage can go on after a stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from . import MODEL_DIR, SAMPLE_DIR, TAGGER_DIR

logger = logging.getLogger(__name__)


def build(cache: Path, stages: tuple[str, ...]) -> None:
    """Runs the named stages of STAGES in order; what a stage leaves lies in the cache folder."""
    for stage in stages:
        logger.info("stage %s", stage)
        STAGES[stage](cache)


def _vae(cache: Path) -> None:
    from .train_vae import VaeSettings, train_vae

    train_vae(cache, VaeSettings())


def _text(cache: Path) -> None:
    from .train_text import TextSettings, train_text

    train_text(cache, TextSettings())


def _unet(cache: Path) -> None:
    from .train_unet import UnetSettings, train_unet

    train_unet(cache, UnetSettings())


def _judge(cache: Path) -> None:
    from .judge import JudgeSettings, train_judge

    train_judge(cache, JudgeSettings())


def _tagger(cache: Path) -> None:
    from .tagger_training import train_tagger

    train_tagger(cache, TAGGER_DIR)


def _export(cache: Path) -> None:
    from .export import export

    export(cache, MODEL_DIR)


def _sample(_cache: Path) -> None:
    from .sample_project import write_sample

    write_sample(SAMPLE_DIR)


STAGES: dict[str, Callable[[Path], None]] = {
    "vae": _vae,
    "text": _text,
    "unet": _unet,
    "judge": _judge,
    "tagger": _tagger,
    "export": _export,
    "sample": _sample,
}
