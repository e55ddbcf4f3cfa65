"""Measures the practice model, and a LoRA that is baked on it, through the app's own code."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from lorabake.core.dataset import scan_dataset
from lorabake.core.events import EventType
from lorabake.core.workspace import Workspace
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.engine.sample import sample
from lorabake.recipe.presets import load_recipe
from lorabake.train.loop import TrainResult, train
from lorabake.train.prepare import prepare_run

from . import MODEL_DIR, SAMPLE_DIR, SAMPLE_TRIGGER
from .characters import Character, random_character, random_stranger, stranger_tags
from .figures import Figure, share
from .judge import TRAITS, drawn, load_judge
from .train_vae import decibels

logger = logging.getLogger(__name__)

SIZE, STEPS, CFG, BATCH = 64, 20, 5.0, 20
PROMPTS = 200
TARGETS = {
    "hair": 95,
    "headwear": 95,
    "outfit_colour": 95,
    "outfit": 90,
    "style": 90,
    "eyes": 80,
    "headwear_colour": None,
    "background": None,
    "expression": None,
    "sex": None,
}
STRANGERS = 40
WEIGHTS = (0.0, 0.5, 0.7, 0.85, 1.0)
EARLY_EPOCHS = (1, 2, 3, 5)
OBEYED = ("outfit", "outfit_colour", "background", "expression")
SLACK = 5.0
"""Percentage points that one measurement of 40 pictures may fall short of the one before."""


class NoEvents:
    """The bake's progress is not shown here."""

    def write(self, type: EventType, **data: Any) -> None:
        if type in ("note", "warning"):
            logger.info("%s", data)


def evaluate(base: Path = MODEL_DIR, only: str = "all") -> list[Figure]:
    """All figures; only: "base" or "lora" for a part of them."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    model = load_model(base)
    figures = []
    if only in ("all", "base"):
        figures += measure_vae(model) + measure_prompts(model)
    if only in ("all", "lora"):
        figures += measure_lora(model)
    return figures


def paint(model: Any, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
    """One picture per prompt, as the app renders them: (B, 3, 64, 64) between -1 and 1."""
    parts = []
    with torch.no_grad():
        negative = model.encode_prompts([""])
        for start in range(0, len(prompts), BATCH):
            conditioning = model.encode_prompts(prompts[start : start + BATCH])
            part = sample(
                model,
                conditioning,
                negative,
                seeds=seeds[start : start + BATCH],
                width=SIZE,
                height=SIZE,
                steps=STEPS,
                cfg=CFG,
            )
            parts.append(part)
            logger.info("painted %d of %d", start + len(part), len(prompts))
    return torch.cat(parts)


def measure_vae(model: Any) -> list[Figure]:
    """How well fresh drawings survive the VAE."""
    people = [random_character(Random(f"vae:{i}")) for i in range(64)]
    pixels = drawn(people, "vae")
    with torch.no_grad():
        mean, _ = model.encode_images(pixels)
        rebuilt = model.decode_latents(model.scale_latents(mean))
    level = decibels((rebuilt - pixels).square().mean().item())
    return [Figure("VAE", "64 fresh drawings", level, 27, unit="dB")]


def measure_prompts(model: Any) -> list[Figure]:
    """How often a requested attribute is what the judge sees in the picture."""
    people = [random_character(Random(f"evaluate:{i}")) for i in range(PROMPTS)]
    prompts = [", ".join(person.tags()) for person in people]
    answers = load_judge().answers(paint(model, prompts, range(1000, 1000 + PROMPTS)))
    group = f"Base model, {PROMPTS} prompts"
    return [
        Figure(group, name.replace("_", " "), agreement(people, answers, name), target)
        for name, target in TARGETS.items()
    ]


def agreement(people: Sequence[Character], answers: Sequence[dict[str, str]], name: str) -> float:
    """Percent of pictures with the requested value of one field, where one was requested."""
    pairs = zip(people, answers, strict=True)
    asked = [(getattr(person, name), answer[name]) for person, answer in pairs]
    if name == "headwear_colour":
        asked = [pair for pair in asked if pair[0] != "none"]
    return share([wanted == seen for wanted, seen in asked])


@dataclass(frozen=True)
class Reading:
    """The judge on pictures of one weight and epoch, all in percent.

    all_traits: pictures with every trait of the stranger; traits: mean over the traits;
    obeyed: mean over the tags of the prompt that are not hers; each: by name.
    """

    all_traits: float
    traits: float
    obeyed: float
    each: dict[str, float]


def measure_lora(model: Any) -> list[Figure]:
    """Bakes the sample project with the practice preset, and looks at what it draws."""
    with tempfile.TemporaryDirectory(prefix="lorabake-evaluate-") as folder:
        started = time.perf_counter()
        result = bake(Path(folder))
        seconds = time.perf_counter() - started
        files = {checkpoint.epoch: checkpoint.path for checkpoint in result.checkpoints}
        last = max(files)
        with LoraSwitch(model) as switch:
            by_epoch = {}
            for epoch in (*(e for e in EARLY_EPOCHS if e < last), last):
                switch.load(files[epoch])
                by_epoch[epoch] = read_pictures(model, switch, 1.0)
            by_weight = {w: read_pictures(model, switch, w) for w in WEIGHTS[:-1]}
            by_weight[1.0] = by_epoch[last]
            plain = read_pictures(model, switch, 1.0, with_trigger=False)
    logger.info("%d steps in %.0f s", result.steps, result.seconds)
    timing = Figure("LoRA", "baking the sample project", seconds, 90, at_most=True, unit="s")
    return [timing, *_lora_figures(by_weight, by_epoch, plain)]


def bake(folder: Path) -> TrainResult:
    """The sample project, trained exactly as the page does it."""
    workspace = Workspace.open(folder / "workspace")
    run = prepare_run(
        workspace,
        folder / "run",
        scan_dataset(SAMPLE_DIR),
        load_recipe("practice"),
        name=SAMPLE_TRIGGER,
    )
    return train(run, NoEvents())


def read_pictures(
    model: Any, switch: LoraSwitch, weight: float, *, with_trigger: bool = True
) -> Reading:
    """The same prompts and seeds for every weight and epoch."""
    people = [random_stranger(Random(f"stranger:{i}")) for i in range(STRANGERS)]
    prompts = [", ".join(stranger_tags(person, SAMPLE_TRIGGER)) for person in people]
    if not with_trigger:
        prompts = [prompt.removeprefix(f"{SAMPLE_TRIGGER}, ") for prompt in prompts]
    switch.set_weights([weight])
    answers = load_judge().answers(paint(model, prompts, range(2000, 2000 + STRANGERS)))
    each = {name: share([answer[name] == "yes" for answer in answers]) for name in TRAITS}
    each["yellow eyes"] = agreement(people, answers, "eyes")
    obeyed = {name: agreement(people, answers, name) for name in OBEYED}
    whole = [all(answer[name] == "yes" for name in TRAITS) for answer in answers]
    return Reading(
        all_traits=share(whole),
        traits=sum(each[name] for name in TRAITS) / len(TRAITS),
        obeyed=sum(obeyed.values()) / len(obeyed),
        each={**each, **obeyed},
    )


def _lora_figures(
    by_weight: dict[float, Reading], by_epoch: dict[int, Reading], plain: Reading
) -> list[Figure]:
    first, last = min(by_epoch), max(by_epoch)
    full, none = by_weight[1.0], by_weight[0.0]
    group = f"LoRA, epoch {last}, {STRANGERS} prompts"
    figures = [
        Figure(group, "all traits at weight 1.0", full.all_traits, 90),
        Figure(group, "all traits at weight 0.0", none.all_traits, 5, at_most=True),
        Figure(group, "other tags obeyed at weight 1.0", full.obeyed, 90),
    ]
    figures += [Figure(group, f"  {name}", value) for name, value in full.each.items()]
    figures.append(Figure(group, "all traits without the trigger", plain.all_traits))
    rising = _worst_fall([by_weight[w].traits for w in sorted(by_weight)])
    group = "LoRA, mean share of traits by weight"
    figures += [Figure(group, f"weight {w:g}", by_weight[w].traits) for w in sorted(by_weight)]
    figures += [
        Figure(group, "largest fall from one to the next", rising, SLACK, at_most=True),
        Figure(group, "rise from first to last", full.traits - none.traits, 50),
    ]
    group = "LoRA, mean share of traits by epoch"
    figures += [Figure(group, f"epoch {e}", by_epoch[e].traits) for e in sorted(by_epoch)]
    early = [by_epoch[e].traits for e in sorted(by_epoch) if e <= 3]
    figures += [
        Figure(group, "largest fall over the first three", _worst_fall(early), SLACK, at_most=True),
        Figure(
            group,
            f"rise from epoch {first} on",
            max(by_epoch[e].traits for e in by_epoch) - by_epoch[first].traits,
            5,
        ),
    ]
    return figures


def _worst_fall(values: Sequence[float]) -> float:
    """The largest step down between neighbours; 0 when none goes down."""
    return max((max(0.0, a - b) for a, b in pairwise(values)), default=0.0)
