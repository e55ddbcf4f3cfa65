"""Every setting goes form → recipe → file → recipe → form without losing or shifting a value."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.core.settings import SettingField, setting_fields
from lorabake.core.toml import parse_toml
from lorabake.recipe.presets import load_recipe, preset_names, recipe_to_toml
from lorabake.recipe.recipe import GROUPS, Recipe, recipe_from_mapping, recipe_to_mapping
from lorabake.ui.chosen import differences, with_changes, with_tables
from lorabake.ui.form import from_widget, number_text, read_form, to_widget

FIELDS = {
    f"{group}.{spec.name}": spec
    for group, (_, cls) in GROUPS.items()
    for spec in setting_fields(cls)
}
BASE = load_recipe("illustrious")


def another_value(key: str, spec: SettingField) -> Any:
    """A value that is neither the default nor the preset's, where there is a third one."""
    used = (spec.default, recipe_to_mapping(BASE)[key.split(".")[0]][spec.name])
    if key == "optimizer.args":
        return {"weight_decay": 0.03125}
    if spec.type == "bool":
        return not used[1]
    if spec.choices:
        return next((choice for choice in spec.choices if choice not in used), spec.choices[0])
    if spec.type in ("int", "float"):
        low = spec.minimum if spec.minimum is not None else 0
        candidates = [low + 1, low + 2, low + 3]
        if spec.type == "float":
            high = spec.maximum if spec.maximum is not None else 1.0
            candidates = [low + (high - low) * share for share in (0.3, 1e-5, 0.7)]
        value = next(value for value in candidates if value not in used)
        return int(value) if spec.type == "int" else float(value)
    return f"x {key} ünï, “quoted” \\ 'a'"


@pytest.mark.parametrize("key", FIELDS)
def test_one_setting_survives_the_round_trip(key: str) -> None:
    group, _, name = key.partition(".")
    spec = FIELDS[key]
    wanted = another_value(key, spec)
    widgets = {
        other: to_widget(
            FIELDS[other], recipe_to_mapping(BASE)[other.split(".")[0]][FIELDS[other].name]
        )
        for other in FIELDS
    }
    widgets[key] = to_widget(spec, wanted)
    tables, errors = read_form(FIELDS, widgets)
    assert not errors
    recipe = with_tables(BASE, tables)
    assert recipe_to_mapping(recipe)[group][name] == wanted
    back = recipe_from_mapping(parse_toml(recipe_to_toml(recipe), "test"))
    assert back == recipe
    changes = differences(BASE, recipe)
    assert set(changes) <= {key}  # no other setting moved
    assert with_changes(BASE, changes) == recipe


@pytest.mark.parametrize("name", preset_names())
def test_presets_come_back_from_the_form_unchanged(name: str) -> None:
    recipe = load_recipe(name)
    tables, errors = read_form(FIELDS, shown(recipe))
    assert not errors
    assert with_tables(recipe, tables) == recipe
    assert differences(recipe, with_tables(recipe, tables)) == {}


def shown(recipe: Recipe) -> dict[str, Any]:
    mapping = recipe_to_mapping(recipe)
    return {
        key: to_widget(spec, mapping[key.partition(".")[0]][spec.name])
        for key, spec in FIELDS.items()
    }


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("general.epochs", None),
        ("general.epochs", 0),
        ("general.epochs", 2.5),
        ("general.epochs", "many"),
        ("optimizer.unet_lr", ""),
        ("optimizer.unet_lr", "fast"),
        ("optimizer.unet_lr", "nan"),
        ("optimizer.unet_lr", "-1"),
        ("network.type", "nothing like it"),
        ("general.max_token_length", "76"),
        ("optimizer.args", "weight_decay"),
        ("model.base", "x" * 5000),
    ],
)
def test_what_does_not_fit_is_said_and_not_taken(key: str, typed: Any) -> None:
    values = {**shown(BASE), key: typed}
    tables, errors = read_form(FIELDS, values)
    assert list(errors) == [key]
    group, _, name = key.partition(".")
    assert name not in tables.get(group, {})
    assert len(errors[key]) > 20


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-6, "1e-6"), (6e-5, "6e-5"), (5e-4, "5e-4"), (0.05, "0.05"), (4.0, "4"), (0.0, "0")],
)
def test_numbers_look_as_in_the_guide(value: float, text: str) -> None:
    assert number_text(value) == text
    assert float(text) == value


def test_numbers_read_back_exactly() -> None:
    for value in (1 / 3, 0.1 + 0.2, 1.234567890123e-7, 9.999e22, 5e-324, 123456.75):
        assert float(number_text(value)) == value


def test_a_form_reads_what_a_person_types() -> None:
    rate = FIELDS["optimizer.unet_lr"]
    assert from_widget(rate, " 1e-4 ") == from_widget(rate, "0.0001") == 1e-4
    assert from_widget(FIELDS["general.max_token_length"], "225") == 225
