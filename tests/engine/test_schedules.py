"""Learning rates, step by step, against the formulas they come from, written out again here."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.errors import RecipeError
from lorabake.engine.schedules import SCHEDULES, Shape, learning_rate, rex_curve

# (total steps, warm-up, cycles): round ones, and some that do not divide.
LENGTHS = [(1000, 0, 1), (1000, 50, 1), (1003, 0, 4), (1003, 50, 4), (20, 3, 3), (37, 0, 5)]


def steps_to_look_at(total: int) -> list[int]:
    """At least 20, spread over the whole, with both ends and the quarters' borders."""
    spread = {round(place * (total - 1) / 30) for place in range(31)}
    corners = {quarter * total // 4 + by for quarter in range(5) for by in (-2, -1, 0, 1)}
    return sorted(step for step in spread | corners | {0, total - 1} if 0 <= step < total)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 1e-4), (250, 9.681e-5), (500, 9.1e-5), (750, 7.715e-5), (900, 5.311e-5), (999, 1.981e-6)],
)
def test_rex_has_the_guides_trainers_rates(step: int, rate: float) -> None:
    """A rate of 1e-4 with a floor of 1e-6 over 1000 steps."""
    for name in ("rex", "rex_annealing_warm_restarts"):
        assert learning_rate(name, step, 1e-4, Shape(1000, floor=1e-6)) == pytest.approx(
            rate, rel=1e-3
        )


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (125, 9.1e-5),
        (249, 4.822e-6),
        (250, 9.0e-5),
        (500, 8.1e-5),
        (750, 7.29e-5),
        (999, 3.776e-6),
    ],
)
def test_rex_restarts_have_the_guides_trainers_rates(step: int, rate: float) -> None:
    """Four cycles of 250 steps, each 10 % lower than the one before."""
    shape = Shape(1000, cycles=4, floor=1e-6)
    found = learning_rate("rex_annealing_warm_restarts", step, 1e-4, shape)
    assert found == pytest.approx(rate, rel=1e-3)


def rex_written_out(
    step: int, peak: float, start: int, end: int, warmup: int, floor: float
) -> float:
    """One cycle, after the guide's trainer: s within the cycle, w warm-up, C length."""
    s, w, c = step - start, warmup, end - start
    if s < w:
        return floor + (peak - floor) * s / w
    p = (s - w) / (c - w)
    return floor + (peak - floor) * (1 - p) / ((1 - 0.9) + 0.9 * (1 - p))


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
def test_rex_follows_its_formula(total: int, warmup: int, cycles: int) -> None:
    shape = Shape(total, warmup=warmup, cycles=cycles, floor=1e-6)
    for step in steps_to_look_at(total):
        wanted = rex_written_out(step, 1e-4, 0, total, warmup, 1e-6)
        assert learning_rate("rex", step, 1e-4, shape) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
def test_rex_restarts_follow_their_formula(total: int, warmup: int, cycles: int) -> None:
    """Cycles differ by one step at most when the total does not divide."""
    borders = [math.floor(total * cycle / cycles) for cycle in range(cycles + 1)]
    assert max(b - a for a, b in pairwise(borders)) <= math.ceil(total / cycles)
    shape = Shape(total, warmup=warmup, cycles=cycles, floor=1e-6)
    for step in steps_to_look_at(total):
        cycle = max(n for n in range(cycles) if borders[n] <= step)
        wanted = rex_written_out(
            step, 1e-4 * 0.9**cycle, borders[cycle], borders[cycle + 1], warmup // cycles, 1e-6
        )
        found = learning_rate("rex_annealing_warm_restarts", step, 1e-4, shape)
        assert found == pytest.approx(wanted, rel=1e-9)


def test_no_hot_extra_cycle_before_the_last_save() -> None:
    """1003 steps in 4 cycles: the remainder must not begin a fifth one at 6.56e-5."""
    shape = Shape(1003, cycles=4, floor=1e-6)
    rates = [
        learning_rate("rex_annealing_warm_restarts", step, 1e-4, shape) for step in range(1003)
    ]
    assert sum(after > before for before, after in pairwise(rates)) == 3
    assert rates[-40:] == sorted(rates[-40:], reverse=True)
    assert max(rates[-3:]) < 1.1e-5


def test_one_cycle_of_rex_with_restarts_is_rex() -> None:
    shape = Shape(777, warmup=30, floor=1e-6)
    for step in steps_to_look_at(777):
        assert learning_rate("rex_annealing_warm_restarts", step, 1e-4, shape) == learning_rate(
            "rex", step, 1e-4, shape
        )


def test_warm_up_is_repeated_in_every_cycle() -> None:
    shape = Shape(1000, warmup=40, cycles=4, floor=0)
    for start in (0, 250, 500, 750):
        rates = [
            learning_rate("rex_annealing_warm_restarts", start + n, 1e-4, shape) for n in range(11)
        ]
        assert rates[0] == 0
        assert rates == sorted(rates)
        assert rates[10] == pytest.approx(1e-4 * 0.9 ** (start // 250))


@pytest.mark.parametrize("name", ["rex", "rex_annealing_warm_restarts"])
def test_a_floor_not_below_the_rate_is_left_out(name: str) -> None:
    """The guide's text encoder rate of 1e-6 equals the floor, and still has to move."""
    with_floor = [learning_rate(name, step, 1e-6, Shape(100, floor=1e-6)) for step in range(100)]
    without = [learning_rate(name, step, 1e-6, Shape(100, floor=0)) for step in range(100)]
    assert with_floor == without
    assert with_floor[0] == 1e-6 > with_floor[99]
    higher = [learning_rate(name, step, 6e-6, Shape(100, floor=1e-6)) for step in range(100)]
    assert min(higher) > 1e-6


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
def test_cosine_follows_its_formula(total: int, warmup: int, cycles: int) -> None:
    shape = Shape(total, warmup=warmup, cycles=cycles, floor=1e-6)  # a cosine has no floor
    for step in [*steps_to_look_at(total), total]:
        progress = (step - warmup) / (total - warmup)
        if step < warmup:
            wanted = 5e-4 * step / warmup
        elif progress >= 1:
            wanted = 0.0
        else:
            wanted = 5e-4 * 0.5 * (1 + math.cos(math.pi * math.fmod(cycles * progress, 1)))
        found = learning_rate("cosine_with_restarts", step, 5e-4, shape)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
def test_constant_follows_its_formula(total: int, warmup: int, cycles: int) -> None:
    shape = Shape(total, warmup=warmup, cycles=cycles, floor=1e-6)
    for step in steps_to_look_at(total):
        assert learning_rate("constant", step, 1e-4, shape) == 1e-4
        wanted = 1e-4 * min(1, step / warmup) if warmup else 1e-4
        found = learning_rate("constant_with_warmup", step, 1e-4, shape)
        assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("total", "warmup", "cycles"), LENGTHS)
@pytest.mark.parametrize("name", ["cosine_with_restarts", "constant_with_warmup"])
def test_rates_are_those_of_hugging_face(name: str, total: int, warmup: int, cycles: int) -> None:
    import torch
    from diffusers import optimization

    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=5e-4)
    if name == "constant_with_warmup":
        schedule = optimization.get_constant_schedule_with_warmup(optimizer, warmup)
    else:
        schedule = optimization.get_cosine_with_hard_restarts_schedule_with_warmup(
            optimizer, warmup, total, num_cycles=cycles
        )
    shape = Shape(total, warmup=warmup, cycles=cycles)
    for step in range(total):
        found = learning_rate(name, step, 5e-4, shape)
        assert found == pytest.approx(schedule.get_last_lr()[0], rel=1e-9, abs=1e-15), step
        optimizer.step()
        schedule.step()


def test_cosine_restarts_only_with_two_cycles_or_more() -> None:
    one = [learning_rate("cosine_with_restarts", step, 1.0, Shape(100)) for step in range(100)]
    assert one == sorted(one, reverse=True)
    two = [
        learning_rate("cosine_with_restarts", step, 1.0, Shape(100, cycles=2))
        for step in range(100)
    ]
    assert two[50] == two[0] == 1.0
    assert two[49] < 0.01


def test_rex_is_the_reflected_exponential() -> None:
    assert (rex_curve(0), rex_curve(1)) == (1, 0)
    assert rex_curve(0.5, d=0.5) == pytest.approx(2 / 3)
    assert rex_curve(0.5) == pytest.approx(0.5 / 0.55)


@given(
    st.sampled_from(SCHEDULES.names),
    st.integers(1, 400),
    st.floats(0, 1),
    st.integers(1, 12),
    st.floats(1e-9, 1),
    st.floats(0, 1),
)
def test_no_rate_leaves_its_limits(
    name: str, total: int, warmup_ratio: float, cycles: int, peak: float, floor: float
) -> None:
    shape = Shape(total, warmup=round(total * warmup_ratio), cycles=cycles, floor=floor)
    rates = [learning_rate(name, step, peak, shape) for step in range(total)]
    assert all(0 <= rate <= peak * (1 + 1e-12) for rate in rates)


def test_an_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'rex'"):
        learning_rate("rexx", 0, 1.0, Shape(10))
