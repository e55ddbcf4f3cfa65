"""Things are found by name, or refused with the nearest name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lorabake.core.errors import RecipeError
from lorabake.core.registry import Registry, unknown_name
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES


@dataclass(frozen=True)
class Loaf:
    name: str
    label: str


LOAVES = Registry("loaf", Loaf("rye", "Rye"), Loaf("wheat", "Wheat"))


def test_things_are_found_by_name_in_the_order_of_the_list() -> None:
    assert LOAVES["rye"].label == "Rye"
    assert LOAVES.names == ("rye", "wheat")
    assert LOAVES.labels == ("Rye", "Wheat")
    assert [loaf.name for loaf in LOAVES] == ["rye", "wheat"]
    assert len(LOAVES) == 2
    assert "rye" in LOAVES
    assert "spelt" not in LOAVES


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError) as refused:
        LOAVES["wheet"]
    assert str(refused.value) == (
        "There is no loaf called 'wheet'. Did you mean 'wheat'? There are: rye, wheat."
    )


def test_a_name_like_nothing_gets_no_suggestion_and_a_long_one_is_cut() -> None:
    assert "Did you mean" not in unknown_name("loaf", "zzz", LOAVES.names)
    assert len(unknown_name("loaf", "z" * 10_000, LOAVES.names)) < 200


def test_two_entries_of_one_name_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="two entries"):
        Registry("loaf", Loaf("rye", "Rye"), Loaf("rye", "Another"))


@pytest.mark.parametrize("registry", [OPTIMIZERS, SCHEDULES], ids=lambda registry: registry.kind)
def test_every_entry_appears_once_with_label_and_help(registry: Registry) -> None:
    assert len(set(registry.names)) == len(set(registry.labels)) == len(registry) > 0
    for entry in registry:
        assert entry.label
        assert entry.help.endswith("."), "help is a sentence"
        assert entry.name == entry.name.lower()
