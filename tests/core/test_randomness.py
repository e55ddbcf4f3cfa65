"""Every random choice hangs on its seed, its purpose and its place, and on nothing else."""

from __future__ import annotations

import random

import pytest

from lorabake.core.randomness import derive, rng, shuffled


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ((23, "noise"), 3473247921164768504),
        ((23, "noise", 0, 0), 2253623353010789662),
        ((23, "noise", 0, 1), 8593400221379997589),
        ((0, "order", 1, 832, 1216), 9031550908123259944),
        ((4294967295, "caption", 999, "ä"), 500109622533439909),
    ],
)
def test_numbers_stay_what_they_are(arguments: tuple, number: int) -> None:
    """A bake that is resumed with a later version must find the noise that it began with."""
    assert derive(*arguments) == number


def test_neighbours_differ() -> None:
    places = [(s, p, a, b) for s in (0, 1) for p in "xy" for a in range(12) for b in range(12)]
    assert len({derive(*place) for place in places}) == len(places)
    assert derive(1, "x", 12, 3) != derive(1, "x", 1, 23), "places must not run together"


def test_numbers_fit_into_63_bits() -> None:
    numbers = [derive(seed, "x") for seed in range(200)]
    assert all(0 <= number < 2**63 for number in numbers)
    assert max(numbers) > 2**62


def test_nothing_remembers_what_was_drawn_before() -> None:
    first = rng(5, "x", 1).random()
    random.seed(1)
    rng(5, "y").random()
    assert rng(5, "x", 1).random() == first
    assert rng(5, "x", 2).random() != first


def test_shuffled_gives_a_copy_in_another_order() -> None:
    items = list(range(50))
    mixed = shuffled(items, 1, "order", 1)
    assert items == list(range(50))
    assert sorted(mixed) == items != mixed
    assert mixed == shuffled(items, 1, "order", 1)
    assert mixed != shuffled(items, 1, "order", 2)
