"""How fast this computer bakes, measured in its own earlier bakes and never guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Final

from lorabake.core.errors import LorabakeError
from lorabake.core.events import read_tail
from lorabake.core.run import Run
from lorabake.core.toml import read_toml
from lorabake.recipe.recipe import Recipe, recipe_from_mapping

LOOKED_AT: Final = 40  # bakes, the newest first
LEAST: Final = 3  # steps; the first one is slow everywhere


@dataclass(frozen=True)
class Pace:
    """seconds_per_picture: of one step, divided by its pictures. run: the bake it was measured in."""

    seconds_per_picture: float
    run: str

    def seconds_per_step(self, recipe: Recipe) -> float:
        """As long as the pictures of a step take one after the other; a card may do better."""
        return self.seconds_per_picture * _pictures(recipe)


def measured_pace(runs: Iterable[Run], recipe: Recipe) -> Pace | None:
    """The pace of the newest bake of the same base model at the same resolution; None without one."""
    aged = [(age, run) for run in runs if (age := _age(run.events_path)) is not None]
    aged.sort(key=lambda one: one[0], reverse=True)
    for age, run in aged[:LOOKED_AT]:
        found = _measured(run.recipe_path, run.events_path, age)
        if found is not None and found[0] == _kind(recipe):
            return Pace(found[1], run.name)
    return None


def _kind(recipe: Recipe) -> tuple[str, str, int]:
    return recipe.family, recipe.model.base, recipe.general.resolution


def _pictures(recipe: Recipe) -> int:
    return recipe.general.batch_size * recipe.general.gradient_accumulation_steps


def _age(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=4 * LOOKED_AT)
def _measured(recipe: Path, events: Path, _age: int) -> tuple[tuple[str, str, int], float] | None:
    """What was baked, and seconds for a picture; None for what is no bake or never got going."""
    try:
        baked = recipe_from_mapping(read_toml(recipe))
    except LorabakeError:  # another kind of job, or of another version
        return None
    told = [event.data.get("seconds") for event in read_tail(events) if event.type == "step"]
    took = [float(one) for one in told if isinstance(one, int | float) and one > 0]
    if len(took) < LEAST:
        return None
    return _kind(baked), median(took) / _pictures(baked)
