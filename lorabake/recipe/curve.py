"""The learning rate over a bake, as a line to draw before it starts."""

from __future__ import annotations

from math import ceil
from typing import Final

from lorabake.engine.optimizers import schedule_of
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.plan import Plan, peak_rate, rate_at
from lorabake.recipe.recipe import Recipe

POINTS: Final = 160
GROUPS: Final = {
    "unet": "unet",
    "text_encoder": "text_encoder_1",
    "text_encoder_2": "text_encoder_2",
}

Line = list[tuple[int, float]]
"""(step from 0, learning rate)."""


def rate_lines(plan: Plan, recipe: Recipe, points: int = POINTS) -> dict[str, Line]:
    """A line for the U-Net and each text encoder that trains.

    The end of the warmup and both sides of every restart are among the points, so that no peak is
    lost between two of them.
    """
    steps = turning_points(plan, recipe, points)
    lines = {}
    for name, group in GROUPS.items():
        if name == "text_encoder_2" and recipe.family != "sdxl":
            continue
        if plan.total_steps and peak_rate(group, recipe):
            lines[name] = [(step, rate_at(step, plan.total_steps, group, recipe)) for step in steps]
    return lines


def turning_points(plan: Plan, recipe: Recipe, points: int = POINTS) -> list[int]:
    """The steps to draw: evenly spread ones, and those where the line turns."""
    total, warmup = plan.total_steps, plan.warmup_steps
    if not total:
        return []
    last = total - 1
    steps = {round(number * last / max(points - 1, 1)) for number in range(points)}
    steps |= {warmup, warmup - 1}
    for start in restarts(plan, recipe):
        steps |= {start - 1, start}
    return sorted(step for step in steps if 0 <= step <= last)


def restarts(plan: Plan, recipe: Recipe) -> list[int]:
    """The steps at which the schedule starts anew; none for one that does not."""
    options, total, warmup = recipe.optimizer, plan.total_steps, plan.warmup_steps
    name = schedule_of(options.type, options.lr_scheduler)
    cycles = options.lr_scheduler_num_cycles
    if not SCHEDULES[name].uses_cycles or cycles < 2:
        return []
    if name == "cosine_with_restarts":
        return [warmup + ceil(number * (total - warmup) / cycles) for number in range(1, cycles)]
    if recipe.general.kohya_exact:
        length = max(1, total // cycles)
        return list(range(length, total, length))
    return [number * total // cycles for number in range(1, cycles)]
