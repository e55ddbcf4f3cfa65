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

POLYNOMIAL_END = 1e-7  # Hugging Face's lr_end, which no trainer of LoRAs lets one set


@dataclass(frozen=True)
class Shape:
    """What a schedule may look at.

    total, warmup: steps. cycles: how often it starts again. floor: the lowest rate (min_lr), left out
    for groups whose own rate is not above it. decay: the part of the peak lost at each restart.
    d: how long REX stays high. power: how the polynomial bends.
    exact: cycles as the guide's trainer cuts them, its quirks included (kohya_exact).
    """

    total: int
    warmup: int = 0
    cycles: int = 1
    floor: float = 0.0
    decay: float = 0.1
    d: float = 0.9
    power: float = 1.0
    exact: bool = False


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


def half_cosine(progress: float) -> float:
    """1 → 0 as progress goes 0 → 1, along half a cosine."""
    return max(0.0, 0.5 * (1 + cos(pi * progress)))


def warmed_up(step: int, peak: float, shape: Shape) -> float | None:
    """The rate while warming up from 0 in a straight line; None afterwards."""
    return peak * step / max(1, shape.warmup) if step < shape.warmup else None


def constant(step: int, peak: float, shape: Shape) -> float:
    return peak


def constant_with_warmup(step: int, peak: float, shape: Shape) -> float:
    """A straight rise, then flat."""
    rising = warmed_up(step, peak, shape)
    return peak if rising is None else rising


def linear(step: int, peak: float, shape: Shape) -> float:
    """A straight rise, then a straight line down to 0."""
    rising = warmed_up(step, peak, shape)
    return peak * (1 - _progress(step, shape)) if rising is None else rising


def polynomial(step: int, peak: float, shape: Shape) -> float:
    """From the peak down to 1e-7 along (1 − progress)^power.

    A peak that is not above 1e-7, which the original refuses, goes down to 0.
    """
    rising = warmed_up(step, peak, shape)
    if rising is not None:
        return rising
    end = POLYNOMIAL_END if peak > POLYNOMIAL_END else 0.0
    return end + (peak - end) * (1 - _progress(step, shape)) ** shape.power


def cosine(step: int, peak: float, shape: Shape) -> float:
    """Half a cosine from the peak to 0."""
    rising = warmed_up(step, peak, shape)
    return peak * half_cosine(_progress(step, shape)) if rising is None else rising


def cosine_with_restarts(step: int, peak: float, shape: Shape) -> float:
    """Half cosines from the peak to 0, `cycles` of them, each starting at the full peak again.

    One cycle, the guide's trainer's default, is a plain cosine: only two or more restart.
    """
    rising = warmed_up(step, peak, shape)
    if rising is not None:
        return rising
    progress = _progress(step, shape)
    return peak * half_cosine(shape.cycles * progress % 1) if progress < 1 else 0.0


def rex(step: int, peak: float, shape: Shape) -> float:
    """High for long, then quickly down to the floor: one REX curve."""
    cycle = Cycle(step, shape.total, shape.warmup, peak)
    return _annealed(cycle, _floor(peak, shape), lambda progress: rex_curve(progress, shape.d))


def rex_annealing_warm_restarts(step: int, peak: float, shape: Shape) -> float:
    """REX in `cycles` pieces; each restart is `decay` lower than the one before."""
    cycle = cycle_at(step, peak, shape)
    return _annealed(cycle, _floor(peak, shape), lambda progress: rex_curve(progress, shape.d))


def cosine_annealing_warm_restarts(step: int, peak: float, shape: Shape) -> float:
    """Half cosines in `cycles` pieces; each restart is `decay` lower than the one before.

    The guide's trainer keeps the floor here even for a group whose rate is not above it, and so
    trains it at the floor, higher than asked. Only `exact` does the same.
    """
    floor = shape.floor if shape.exact else _floor(peak, shape)
    return _annealed(cycle_at(step, peak, shape), floor, half_cosine)


@dataclass(frozen=True)
class Cycle:
    """Where a step is within its cycle. step, length and warmup in steps; peak: this cycle's."""

    step: int
    length: int
    warmup: int
    peak: float


def cycle_at(step: int, peak: float, shape: Shape) -> Cycle:
    """The cycle a step falls into; warm-up is repeated in every one.

    The guide's trainer cuts the total into equal whole cycles and spends what is left over on the
    hot beginning of one more, right before the last save (`exact`). Otherwise what is left over is
    spread over the cycles, which then differ by one step at most.
    """
    warmup = shape.warmup // shape.cycles
    if shape.exact:
        length = max(1, shape.total // shape.cycles)
        number, inside = divmod(step, length)
        return Cycle(inside, length, warmup, peak * (1 - shape.decay) ** number)
    starts = [number * shape.total // shape.cycles for number in range(shape.cycles + 1)]
    number = min(bisect_right(starts, step), shape.cycles) - 1
    length = starts[number + 1] - starts[number]
    return Cycle(step - starts[number], length, warmup, peak * (1 - shape.decay) ** number)


def _annealed(cycle: Cycle, floor: float, curve: Callable[[float], float]) -> float:
    """floor → peak while warming up, then along the curve back to the floor.

    A peak that decay has brought down to the floor stays there, as in the guide's trainer.
    """
    if cycle.peak <= floor:
        return floor
    if cycle.step < cycle.warmup:
        return floor + (cycle.peak - floor) * cycle.step / cycle.warmup
    progress = (cycle.step - cycle.warmup) / max(1, cycle.length - cycle.warmup)
    return floor + (cycle.peak - floor) * curve(min(1.0, progress))


def _floor(peak: float, shape: Shape) -> float:
    """The lowest rate of a group, or 0 where it is not below the group's own rate.

    The guide's text-encoder rate of 1e-6 equals the usual floor, and would otherwise never move.
    """
    return shape.floor if shape.floor < peak else 0.0


def _progress(step: int, shape: Shape) -> float:
    """0 → 1 from the end of the warm-up to the end of the training."""
    return min(1.0, (step - shape.warmup) / max(1, shape.total - shape.warmup))


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
    Schedule("linear", "linear", "A straight line down to 0.", linear),
    Schedule("cosine", "cosine", "Half a cosine down to 0.", cosine),
    Schedule(
        "polynomial",
        "polynomial",
        "Down to nearly 0 along a curve whose power you set; 1 is a straight line.",
        polynomial,
    ),
    Schedule(
        "cosine_annealing_warm_restarts",
        "cosine annealing warm restarts",
        "Half cosines in several cycles, each lower than the one before, down to the min learning rate.",
        cosine_annealing_warm_restarts,
        uses_cycles=True,
    ),
)


def learning_rate(name: str, step: int, peak: float, shape: Shape) -> float:
    """The learning rate of `step` (from 0) for a group whose own rate is `peak`."""
    return SCHEDULES[name].rate(step, peak, shape)
