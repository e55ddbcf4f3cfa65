"""Presets and recipes: every one loads, saves and loads again as the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.errors import RecipeError
from lorabake.core.settings import SettingField, setting_fields
from lorabake.core.toml import parse_toml
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe import presets
from lorabake.recipe.presets import load_recipe, preset_names, recipe_to_toml
from lorabake.recipe.recipe import (
    GROUPS,
    Recipe,
    find_setting,
    recipe_from_mapping,
    recipe_to_mapping,
    with_setting,
)


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_loads_and_reads_back_equal(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.title
    assert recipe.description.endswith(".")
    assert recipe_from_mapping(parse_toml(recipe_to_toml(recipe), name)) == recipe


def test_the_guides_three_presets_are_there() -> None:
    assert {"pdxl", "illustrious", "nai15"} <= set(preset_names())


def test_illustrious_stands_on_pdxl() -> None:
    below, above = (
        recipe_to_mapping(load_recipe("pdxl")),
        recipe_to_mapping(load_recipe("illustrious")),
    )
    changed = {
        f"{group}.{name}"
        for group in GROUPS
        for name, value in above[group].items()
        if below[group][name] != value
    }
    assert changed == {"optimizer.unet_lr", "optimizer.text_encoder_lr"}


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_ones_own_may_stand_on_a_preset(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'base = "illustrious"\n[network]\nnetwork_dim = 4\n[optimizer.args]\nbetas = [0.8, 0.9, 0.95]',
    )
    recipe = load_recipe(path)
    assert (recipe.network.network_dim, recipe.network.network_alpha) == (4, 4)
    assert recipe.optimizer.unet_lr == 6e-5
    assert recipe.optimizer.args == {"weight_decay": 0.08, "betas": [0.8, 0.9, 0.95]}


@pytest.mark.parametrize(
    "base", ['"../x"', '"/etc/passwd"', '"mine"', '"mine.toml"', "3", '["pdxl"]']
)
def test_a_base_is_a_shipped_preset_and_no_path(tmp_path: Path, base: str) -> None:
    path = write(tmp_path, f"base = {base}")
    with pytest.raises(RecipeError, match="There is no preset called"):
        load_recipe(path)


def test_bases_in_a_circle_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS_DIR", tmp_path)
    write(tmp_path, 'base = "two"', "one.toml")
    write(tmp_path, 'base = "one"', "two.toml")
    write(tmp_path, 'base = "self"', "self.toml")
    for name in ("one", "self"):
        with pytest.raises(RecipeError, match="stands on itself"):
            load_recipe(name)


@pytest.mark.parametrize("source", ["pdxI", "x" * 300 + ".toml", "a\0.toml", "", "../presets/pdxl"])
def test_an_unknown_preset_is_refused(source: str) -> None:
    with pytest.raises(RecipeError, match="There is no preset or settings file called"):
        load_recipe(source)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[netwrok]", "There is no table called 'netwrok'. Did you mean 'network'?"),
        ("[network]\nnetwork_dims = 4", "Did you mean 'network_dim'?"),
        ("network = 3", "[network] must be a table of settings, not int."),
        ('family = "flux"', "There is no family called 'flux'"),
        ("title = 3", "title must be a text"),
        (f"title = 0x{'F' * 5000}", "title must be a text"),
        (f"[general]\nseed = 0x{'F' * 5000}", "it wants a whole number from 0 to 4294967295"),
        ("[optimizer.args]\nbetas = [0.9]", "Betas of CAME needs 3 numbers, not 1"),
        ('[optimizer]\ntype = "adam"', "Did you mean 'adamw'?"),
    ],
    ids=lambda value: value[:30],
)
def test_a_file_with_a_mistake_is_refused_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(write(tmp_path, text))
    assert sentence in str(refused.value)


def test_a_setting_is_found_by_its_name_alone_where_only_one_has_it() -> None:
    assert find_setting("network_dim")[0] == find_setting("network.network_dim")[0] == "network"
    with pytest.raises(RecipeError, match=r"network\.type or optimizer\.type; write which"):
        find_setting("type")
    with pytest.raises(RecipeError, match="There is no setting called 'general"):
        find_setting("general.network_dim")


def test_another_optimizer_keeps_the_args_that_fit() -> None:
    nai = load_recipe("nai15", {"optimizer.args.betas": "0.9,0.99"})
    assert with_setting(nai, "optimizer.type", "adamw").optimizer.args == {
        "weight_decay": 0.1,
        "betas": "0.9,0.99",
    }
    assert with_setting(nai, "optimizer.type", "came").optimizer.args == {"weight_decay": 0.1}


def test_every_setting_has_a_label_and_the_visible_ones_have_help() -> None:
    for _, cls in GROUPS.values():
        for spec in setting_fields(cls):
            assert spec.label, spec.name
            assert spec.help.endswith(".") or (spec.more and not spec.help), spec.name


def test_defaults_are_within_their_own_limits() -> None:
    assert recipe_from_mapping(recipe_to_mapping(Recipe())) == Recipe()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def values(spec: SettingField) -> st.SearchStrategy[Any]:
    """Whatever a setting allows."""
    if spec.choices:
        return st.sampled_from(spec.choices)
    if spec.type == "bool":
        return st.booleans()
    if spec.type == "int":
        return st.integers(int(spec.minimum or 0), int(spec.maximum or 1000))
    if spec.type == "float":
        return st.floats(spec.minimum, spec.maximum)
    if spec.type == "floats":
        return st.lists(
            st.floats(spec.minimum, spec.maximum),
            min_size=len(spec.default),
            max_size=len(spec.default),
        )
    return TEXT


def tables(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={spec.name: values(spec) for spec in setting_fields(cls) if spec.type != "table"},
    )


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    mapping: dict[str, Any] = {name: draw(tables(cls)) for name, (_, cls) in GROUPS.items()}
    kind = mapping["optimizer"].get("type", "came")
    mapping["optimizer"]["args"] = draw(tables(OPTIMIZERS[kind].settings))
    return recipe_from_mapping({"title": draw(TEXT), "description": draw(TEXT), **mapping})


@settings(max_examples=25)
@given(recipes())
def test_any_recipe_reads_back_equal(recipe: Recipe) -> None:
    assert recipe_from_mapping(parse_toml(recipe_to_toml(recipe), "own.toml")) == recipe
