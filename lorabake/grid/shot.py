"""One picture before it is painted: everything it depends on, as words and numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shot:
    """prompt: with its `<lora:…>` tags. base: name of the base model, "" for the run's own.

    width, height: px.
    """

    prompt: str
    negative: str
    seed: int
    steps: int
    cfg: float
    sampler: str
    width: int
    height: int
    clip_skip: int = 1
    base: str = ""
