"""What the tests of the guide share: presets by its names, and a preset's values by their keys."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import Recipe, find_setting

NAI, PDXL, ILLUSTRIOUS = "nai15", "pdxl", "illustrious"
SDXL = (PDXL, ILLUSTRIOUS)
ALL = (NAI, *SDXL)

Row = tuple[str, tuple[str, ...], str, Any]
"""What the guide says · for which presets · setting · value."""


def value_of(recipe: Recipe, key: str) -> Any:
    found: Any = recipe
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


def each_value(rows: list[Row]) -> pytest.MarkDecorator:
    """A test for each preset and value; every value is looked at once."""
    looked_at = [(preset, key) for _, presets, key, _ in rows for preset in presets]
    assert len(set(looked_at)) == len(looked_at)
    return pytest.mark.parametrize(
        ("preset", "key", "value"),
        [
            pytest.param(preset, key, value, id=f"{preset}: {sentence}")
            for sentence, presets, key, value in rows
            for preset in presets
        ],
    )


def can_be_chosen(preset: str, key: str, value: Any) -> bool:
    """From a form, and from the command line."""
    group, spec = find_setting(key)
    chosen = [load_recipe(preset, {key: written}) for written in (value, str(value))]
    return all(getattr(getattr(recipe, group), spec.name) == value for recipe in chosen)


def numbers(sentence: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", sentence)]
