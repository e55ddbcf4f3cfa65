"""What is in each cell of a grid with any axes, and the plan that says it.

Text is replaced at once, in the prompt as it was written; then come names, weights and the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

from lorabake.core.randomness import derive
from lorabake.grid.axes import MAX_SEED, PROMPT, PROMPT_SR, WEIGHT, Axis
from lorabake.grid.replace import replaced
from lorabake.grid.shot import Shot
from lorabake.grid.tags import lora_tag, named

EACH = "each"
NO_AXIS = Axis(PROMPT, ("",))


@dataclass(frozen=True)
class XyzPlan:
    """Everything a grid's pictures depend on, except the run's own base model.

    axes: X, Y and Z as far as there are any; NO_AXIS holds the place of one that is left out.
    names: of the run's files, whose tags the axes Epoch and Weight change. files: name to path
    (below the run's folder where it lies there) and hash, of the LoRAs that are used. bases: name
    to path. warnings: what a person should know. vary: the axes along which seeds count up; EACH:
    every picture has one of its own, drawn from the shot's.
    """

    shot: Shot
    axes: tuple[Axis, Axis, Axis]
    names: tuple[str, ...]
    files: Mapping[str, tuple[str, str]]
    bases: Mapping[str, str]
    margin: int = 0
    warnings: tuple[str, ...] = ()
    vary: str = ""


def shots_of(plan: XyzPlan) -> list[Shot]:
    """What is in its cells, X before Y before Z."""
    places = product(*(range(len(axis.values)) for axis in reversed(plan.axes)))
    return [_shot(plan, (x, y, z)) for z, y, x in places]


def shots_by_place(plan: XyzPlan) -> dict[tuple[int, int, int], Shot]:
    """What is in each cell; text is replaced at once, in the prompt as it was written."""
    places = product(*(range(len(axis.values)) for axis in plan.axes))
    return {(x, y, z): _shot(plan, (x, y, z)) for x, y, z in places}


def _shot(plan: XyzPlan, place: tuple[int, int, int]) -> Shot:
    chosen = [
        (axis, axis.values[index])
        for axis, index in zip(plan.axes, place, strict=True)
        if axis != NO_AXIS
    ]
    shot = plan.shot
    for axis, value in chosen:
        if axis.kind == PROMPT:
            shot = replace(shot, prompt=value)
    shot = replace(shot, prompt=with_tag(shot.prompt, plan))
    changes: dict[str, str] = {}
    for axis, value in chosen:
        if axis.kind == PROMPT_SR:
            changes.setdefault(axis.values[0], value)
    shot = replace(
        shot, prompt=replaced(shot.prompt, changes), negative=replaced(shot.negative, changes)
    )
    for axis, value in sorted(chosen, key=lambda pair: pair[0].kind == WEIGHT):
        put = axis.row.put
        if put is not None and axis.kind != PROMPT:
            shot = put(shot, value, plan.names)
    return replace(shot, seed=_seed(shot.seed, plan, place))


def _seed(seed: int, plan: XyzPlan, place: tuple[int, int, int]) -> int:
    """The next seeds along the axes that vary them, as X/Y/Z plot counts: x, then y, then z."""
    if plan.vary == EACH:
        return derive(seed, "cell", *place) % (MAX_SEED + 1)
    stride = 1
    for letter, index, axis in zip("XYZ", place, plan.axes, strict=True):
        if letter in plan.vary:
            seed += index * stride
            stride *= len(axis.values)
    return seed % (MAX_SEED + 1)


def with_tag(prompt: str, plan: XyzPlan) -> str:
    """A prompt that names no LoRA asks for the run's newest one, at weight 1."""
    if named(prompt):
        return prompt
    return f"{lora_tag(plan.names[-1], 1.0)} {prompt}" if plan.names else prompt
