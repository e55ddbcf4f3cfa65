"""Learning-rate schedules in closed form: the rate of any step without having taken the others.

Sources: the guide's trainer for REX with warm restarts, the Hugging Face schedules for the others.
Steps count from 0; rates have the unit of the group's learning rate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

from lorabake.core.registry import Registry


@dataclass(frozen=True)
class Shape:
    """What a schedule may look at.

    total, warmup: steps. cycles: how often it starts again. floor: the lowest rate (min_lr), 0 for
    groups whose own rate is not above it. decay: the part of the peak lost at each restart.
    d: how long REX stays high.
    """

    total: int
    warmup: int = 0
    cycles: int = 1
    floor: float = 0.0
    decay: float = 0.1
    d: float = 0.9


@dataclass(frozen=True)
class Schedule:
    """A named curve. rate(step, peak, shape) gives the learning rate of one step."""

    name: str
    label: str
    help: str
    rate: Callable[[int, float, Shape], float]
    uses_warmup: bool = True
    uses_cycles: bool = False


def rex_curve(progress: float, d: float = 0.9) -> float:
    """1 → 0 as progress goes 0 → 1: reflected exponential (Chen et al., arXiv 2107.04197).

    d = 0.9 is the guide's trainer's value, so that its learning rates carry over.
    """
    left = 1 - progress
    return left / (1 - d + d * left)


def warmed_up(step: int, peak: float, shape: Shape) -> float | None:
    """The rate while warming up from 0 in a straight line; None afterwards."""
    return peak * step / max(1, shape.warmup) if step < shape.warmup else None


def constant(step: int, peak: float, shape: Shape) -> float:
    return peak


def constant_with_warmup(step: int, peak: float, shape: Shape) -> float:
    """A straight rise, then flat."""
    rising = warmed_up(step, peak, shape)
    return peak if rising is None else rising


def cosine_with_restarts(step: int, peak: float, shape: Shape) -> float:
    """Half cosines from the peak to 0, `cycles` of them, each starting at the full peak again.

    One cycle, the guide's trainer's default, is a plain cosine: only two or more restart.
    """
    rising = warmed_up(step, peak, shape)
    if rising is not None:
        return rising
    progress = (step - shape.warmup) / max(1, shape.total - shape.warmup)
    if progress >= 1:
        return 0.0
    return peak * max(0.0, 0.5 * (1 + cos(pi * (shape.cycles * progress % 1))))


def rex(step: int, peak: float, shape: Shape) -> float:
    """High for long, then quickly down to the floor: one REX curve."""
    return _rex_cycle(step, peak, shape.warmup, shape.total, shape)


def rex_annealing_warm_restarts(step: int, peak: float, shape: Shape) -> float:
    """REX in `cycles` pieces; each restart is `decay` lower than the one before.

    Warm-up is repeated in every cycle. The guide's trainer cuts the total into equal whole cycles
    and spends what is left over on the hot beginning of one more, right before the last save; here
    what is left over is spread over the cycles instead.
    """
    starts = [cycle * shape.total // shape.cycles for cycle in range(shape.cycles)]
    cycle = max(0, bisect_right(starts, step) - 1)
    end = starts[cycle + 1] if cycle + 1 < shape.cycles else shape.total
    top = peak * (1 - shape.decay) ** cycle
    warmup = shape.warmup // shape.cycles
    return _rex_cycle(step - starts[cycle], top, warmup, end - starts[cycle], shape)


def _rex_cycle(step: int, peak: float, warmup: int, length: int, shape: Shape) -> float:
    floor = shape.floor if shape.floor < peak else 0.0
    if step < warmup:
        return floor + (peak - floor) * step / warmup
    progress = min(1.0, (step - warmup) / max(1, length - warmup))
    return floor + (peak - floor) * rex_curve(progress, shape.d)


SCHEDULES = Registry(
    "LR scheduler",
    Schedule(
        "cosine_with_restarts",
        "cosine with restarts",
        "Half cosines down to 0. Restarts only with 2 or more cycles.",
        cosine_with_restarts,
        uses_cycles=True,
    ),
    Schedule(
        "constant_with_warmup",
        "constant with warmup",
        "A short rise, then flat. The guide's choice for Prodigy.",
        constant_with_warmup,
    ),
    Schedule(
        "rex",
        "REX",
        "Stays high for long, then drops quickly. The guide's choice for PDXL and Illustrious.",
        rex,
    ),
    Schedule(
        "rex_annealing_warm_restarts",
        "Rex annealing warm restarts",
        "REX in several cycles, each lower than the one before.",
        rex_annealing_warm_restarts,
        uses_cycles=True,
    ),
    Schedule("constant", "constant", "Flat from the first step.", constant, uses_warmup=False),
)


def learning_rate(name: str, step: int, peak: float, shape: Shape) -> float:
    """The learning rate of `step` for a group whose own rate is `peak`.

    A floor that is not below the group's rate is left out: the guide's text-encoder rate of 1e-6
    equals the usual floor, and would otherwise never move.
    """
    if peak <= shape.floor:
        shape = Shape(shape.total, shape.warmup, shape.cycles, 0.0, shape.decay, shape.d)
    return SCHEDULES[name].rate(step, peak, shape)
