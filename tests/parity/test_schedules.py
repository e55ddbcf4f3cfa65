"""Every schedule at many steps, awkward totals included, against who invented it.

Oracles: the schedulers of transformers (sd-scripts takes the same from diffusers), and the guide's
trainer's two annealing schedulers, restated here step by step as it runs them.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from transformers import optimization

from lorabake.engine.schedules import SCHEDULES, Shape, learning_rate
from lorabake.recipe.plan import rate_at
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.settings import OptimizerSettings

# (total steps, warm-up, cycles): round ones, and some that do not divide.
LENGTHS = [
    *((1000, 0, 1), (1000, 50, 1), (1000, 0, 4), (1000, 40, 4)),
    *((1003, 0, 4), (1003, 50, 4), (997, 30, 7), (61, 6, 3), (24, 0, 5), (20, 3, 3)),
]


def steps_to_look_at(total: int) -> list[int]:
    """At least 20: spread over the whole, and around every border of a cycle."""
    spread = {round(place * (total - 1) / 40) for place in range(41)}
    borders = {
        n * (total // c) + by for c in (3, 4, 5, 7) for n in range(c + 1) for by in (-1, 0, 1)
    }
    steps = sorted(step for step in spread | borders if 0 <= step < total)
    assert len(steps) >= 20
    return steps


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
@pytest.mark.parametrize("power", [1.0, 2.5])
@pytest.mark.parametrize(
    "name",
    ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"],
)
def test_the_six_of_hugging_face(
    name: str, total: int, warmup: int, cycles: int, power: float
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-4)
    schedule = {
        "constant": lambda: optimization.get_constant_schedule(optimizer),
        "constant_with_warmup": lambda: optimization.get_constant_schedule_with_warmup(
            optimizer, warmup
        ),
        "linear": lambda: optimization.get_linear_schedule_with_warmup(optimizer, warmup, total),
        "cosine": lambda: optimization.get_cosine_schedule_with_warmup(optimizer, warmup, total),
        "cosine_with_restarts": lambda: (
            optimization.get_cosine_with_hard_restarts_schedule_with_warmup(
                optimizer, warmup, total, num_cycles=cycles
            )
        ),
        "polynomial": lambda: optimization.get_polynomial_decay_schedule_with_warmup(
            optimizer, warmup, total, power=power
        ),
    }[name]()
    shape = Shape(total, warmup=warmup, cycles=cycles, floor=1e-6, power=power)
    factor = schedule.lr_lambdas[0]
    for step in [*steps_to_look_at(total), total]:
        found = learning_rate(name, step, 5e-4, shape)
        assert found == pytest.approx(5e-4 * factor(step), rel=1e-9, abs=1e-15), step


class Annealing:
    """A group of the guide's trainer's annealing schedulers, one step after the other.

    curve: "rex" or "cosine". What they are given: total // cycles steps for the first cycle and
    warm-up steps // cycles; REX leaves out a floor that is not below the group's rate.
    """

    def __init__(self, curve: str, rate: float, shape: Shape) -> None:
        self.curve, self.rate, self.shape = curve, rate, shape
        self.length = shape.total // shape.cycles
        self.warmup = shape.warmup // shape.cycles
        assert self.warmup < self.length, "the original refuses this"
        self.floor = shape.floor if curve == "cosine" or shape.floor < rate else 0.0
        self.cycle, self.step, self.top = 0, 0, rate

    def next_rate(self) -> float:
        rate = self._rate()
        self.step += 1
        if self.step >= self.length:
            self.step -= self.length
            self.cycle += 1
            self.top = self.rate * (1 - self.shape.decay) ** self.cycle
        return rate

    def _rate(self) -> float:
        if self.top <= self.floor:
            return self.floor
        span = self.top - self.floor
        if self.step < self.warmup:
            return self.floor + span * self.step / self.warmup
        p = (self.step - self.warmup) / (self.length - self.warmup)
        if self.curve == "cosine":
            return self.floor + span * (1 + math.cos(math.pi * p)) / 2
        return self.floor + span * (1 - p) / ((1 - self.shape.d) + self.shape.d * (1 - p))


CURVES = {"rex_annealing_warm_restarts": "rex", "cosine_annealing_warm_restarts": "cosine"}


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
@pytest.mark.parametrize("rate", [1e-4, 6e-5, 1.2e-6, 1e-6, 5e-7])
@pytest.mark.parametrize("name", CURVES)
def test_annealing_step_by_step(
    name: str, rate: float, total: int, warmup: int, cycles: int
) -> None:
    """Every step; with `exact` for any total, and without it wherever the total divides.

    Rates near and below the floor too: 1.2e-6 sinks below 1e-6 in its third cycle and stays there.
    """
    for d, decay in ((0.9, 0.1), (0.5, 0.3)):
        exact = Shape(total, warmup, cycles, floor=1e-6, decay=decay, d=d, exact=True)
        ours = Shape(total, warmup, cycles, floor=1e-6, decay=decay, d=d)
        original = Annealing(CURVES[name], rate, exact)
        cosine_at_the_floor = name.startswith("cosine") and rate <= 1e-6
        for step in range(total):
            wanted = original.next_rate()
            found = learning_rate(name, step, rate, exact)
            assert found == pytest.approx(wanted, rel=1e-9, abs=1e-18), step
            if total % cycles == 0 and not cosine_at_the_floor:
                assert learning_rate(name, step, rate, ours) == found


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 1.0e-4),
        (250, 9.681e-5),
        (500, 9.1e-5),
        (750, 7.715e-5),
        (900, 5.311e-5),
        (999, 1.981e-6),
    ],
)
@pytest.mark.parametrize("name", ["rex", "rex_annealing_warm_restarts"])
def test_rex_has_its_known_rates(name: str, step: int, rate: float) -> None:
    """1e-4 with a floor of 1e-6, d 0.9, 1000 steps in one cycle."""
    for exact in (False, True):
        shape = Shape(1000, floor=1e-6, exact=exact)
        assert learning_rate(name, step, 1e-4, shape) == pytest.approx(rate, rel=3e-4)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        *((125, 9.1e-5), (249, 4.822e-6), (250, 9.0e-5)),
        *((500, 8.1e-5), (750, 7.29e-5), (999, 3.776e-6)),
    ],
)
def test_rex_restarts_have_their_known_rates(step: int, rate: float) -> None:
    for exact in (False, True):
        shape = Shape(1000, cycles=4, floor=1e-6, exact=exact)
        found = learning_rate("rex_annealing_warm_restarts", step, 1e-4, shape)
        assert found == pytest.approx(rate, rel=3e-4)


def test_rex_is_one_cycle_of_rex_with_restarts() -> None:
    """The guide's trainer's older Rex is the newer one without restarts."""
    for warmup in (0, 57):
        shape = Shape(1003, warmup=warmup, floor=1e-6)
        original = Annealing("rex", 1e-4, shape)
        for step in range(1003):
            found = learning_rate("rex", step, 1e-4, shape)
            assert found == pytest.approx(original.next_rate(), rel=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_the_hot_extra_cycle_comes_only_when_asked_for(name: str) -> None:
    """1003 steps in 4 cycles: there the last 3 steps run at 6.56e-5, right before the last save."""
    hot = Shape(1003, cycles=4, floor=1e-6, exact=True)
    last = [learning_rate(name, step, 1e-4, hot) for step in range(1000, 1003)]
    assert last[0] == pytest.approx(6.561e-5)
    assert min(last) > 6.5e-5
    ours = Shape(1003, cycles=4, floor=1e-6)
    rates = [learning_rate(name, step, 1e-4, ours) for step in range(1003)]
    assert sum(after > before for before, after in pairwise(rates)) == 3
    assert rates[-40:] == sorted(rates[-40:], reverse=True)
    assert rates[-1] < 5e-6


def test_cosine_annealing_with_a_rate_at_the_floor() -> None:
    """There the guide's text-encoder rate of 1e-6 stands still, and 5e-7 is raised to 1e-6."""
    for rate in (1e-6, 5e-7):
        ours = Shape(400, cycles=2, floor=1e-6)
        exact = Shape(400, cycles=2, floor=1e-6, exact=True)
        rates = [
            learning_rate("cosine_annealing_warm_restarts", step, rate, ours) for step in range(400)
        ]
        assert max(rates) == rate
        assert rates[100] == pytest.approx(rate / 2)
        there = {
            learning_rate("cosine_annealing_warm_restarts", step, rate, exact)
            for step in range(400)
        }
        assert there == {1e-6}


def test_polynomial_with_a_rate_below_its_end() -> None:
    """Hugging Face's refuses a rate that is not above 1e-7; here it goes down to 0."""
    shape = Shape(100, power=2.0)
    assert learning_rate("polynomial", 50, 1e-7, shape) == pytest.approx(2.5e-8)
    assert learning_rate("polynomial", 99, 1e-4, shape) == pytest.approx(1e-7, rel=0.15)


def test_all_nine_are_looked_at() -> None:
    assert set(SCHEDULES.names) == {
        *("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts"),
        *("polynomial", "rex", *CURVES),
    }
    assert {entry.name for entry in SCHEDULES if entry.uses_cycles} == {
        *("cosine_with_restarts", *CURVES)
    }


def test_a_schedule_free_optimizer_keeps_its_rate() -> None:
    """sd-scripts gives it no schedule either; only the warm-up of the recipe stays."""
    options = OptimizerSettings(
        type="adamw_schedulefree", unet_lr=1e-3, lr_scheduler="rex", warmup_steps=10
    )
    rates = [rate_at(step, 100, "unet", Recipe(optimizer=options)) for step in range(100)]
    assert rates[:11] == pytest.approx([1e-4 * step for step in range(11)])
    assert set(rates[10:]) == {1e-3}
