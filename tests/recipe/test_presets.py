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
from lorabake.recipe.presets import (
    compose,
    load_recipe,
    overlay_names,
    overlay_texts,
    preset_names,
    recipe_to_toml,
)
from lorabake.recipe.recipe import (
    GROUPS,
    Recipe,
    find_setting,
    recipe_from_mapping,
    recipe_to_mapping,
    with_setting,
)
from lorabake.recipe.update import update_toml


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


# --- overlays ------------------------------------------------------------------------------------


def test_overlays_are_no_presets() -> None:
    assert overlay_names() == (
        *("small-card", "old-card"),
        *("prodigy", "dora", "glora", "style", "concept", "outfit"),
    )
    assert not set(overlay_names()) & set(preset_names())
    for name in overlay_names():
        title, description = overlay_texts(name)
        assert title
        assert description.endswith(".")


@pytest.mark.parametrize("overlay", overlay_names())
@pytest.mark.parametrize("preset", preset_names())
def test_every_overlay_fits_every_preset(preset: str, overlay: str) -> None:
    recipe = compose(preset, [overlay])
    assert recipe == load_recipe(f"{preset}+{overlay}")
    assert recipe_from_mapping(parse_toml(recipe_to_toml(recipe), "own.toml")) == recipe
    assert recipe.title == f"{load_recipe(preset).title} + {overlay_texts(overlay)[0]}"


def test_a_later_overlay_counts_more_and_a_single_setting_most() -> None:
    assert compose("pdxl", ["style", "concept"]).captions.keep_tokens == 1
    assert compose("pdxl", ["concept", "style"]).captions.keep_tokens == 0
    assert compose("pdxl", ["dora"], {"unet_lr": 2e-5}).optimizer.unet_lr == 2e-5


def test_what_the_guide_lowers_for_a_small_and_for_an_old_card() -> None:
    small = load_recipe("pdxl+small-card").general
    assert (small.batch_size, small.gradient_checkpointing) == (1, "on")
    old = load_recipe("nai15+old-card")
    assert (old.general.mixed_precision, old.optimizer.type) == ("fp16", "adamw")
    assert old.optimizer.args == load_recipe("nai15").optimizer.args
    assert not load_recipe("pdxl+old-card").general.full_bf16
    assert compose("pdxl", ["old-card", "prodigy"]).optimizer.type == "prodigy"


def test_another_optimizer_leaves_its_own_args_behind() -> None:
    assert load_recipe("nai15+prodigy").optimizer.args["betas"] == [0.9, 0.999]
    assert "eps1" not in compose("pdxl", ["prodigy"]).optimizer.args


def test_a_file_of_ones_own_takes_overlays_and_may_stand_on_one(tmp_path: Path) -> None:
    path = write(tmp_path, 'base = "pdxl+dora"\n[network]\nnetwork_dim = 4', "one+two.toml")
    assert load_recipe(str(path)).network.dora
    assert load_recipe(path).network.network_dim == 4
    mine = write(tmp_path, "[network]\nnetwork_dim = 4")
    assert load_recipe(f"{mine}+dora").network.dora


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("pdxl+dorra", "There is no overlay called 'dorra'. Did you mean 'dora'?"),
        ("pdxl+", "There is no overlay called ''"),
        ("pdxl+nai15", "There is no overlay called 'nai15'"),
        ("dora", "There is no preset or settings file called 'dora'"),
    ],
)
def test_what_is_no_overlay_is_refused(source: str, sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(source)
    assert sentence in str(refused.value)


def test_an_overlay_alone_is_no_recipe() -> None:
    with pytest.raises(RecipeError, match="is an overlay, a change to a preset"):
        load_recipe(presets.PRESETS_DIR / "dora.toml")


# --- a file of one's own, changed ----------------------------------------------------------------

OWN = """# my best settings so far
base = "pdxl"

[optimizer]   # tuned for weeks
unet_lr = 8e-5  # 1e-4 burned the eyes
args = {weight_decay = 0.05}

[network]
network_dim = 4   # small is fine
network_alpha = 2
"""


def test_only_what_changed_is_written_into_a_users_file() -> None:
    recipe = load_recipe("pdxl", {"network_dim": 6, "network_alpha": 2, "unet_lr": 8e-5})
    recipe = with_setting(recipe, "optimizer.args.weight_decay", 0.05)
    assert update_toml(OWN, recipe) == OWN.replace("network_dim = 4 ", "network_dim = 6 ")


def test_nothing_changed_leaves_every_byte() -> None:
    recipe = presets.recipe_from_text(OWN, "own.toml")
    assert update_toml(OWN, recipe) == OWN


def test_a_setting_the_file_had_from_its_base_is_added() -> None:
    recipe = with_setting(presets.recipe_from_text(OWN, "own.toml"), "epochs", 7)
    changed = update_toml(OWN, recipe)
    assert changed.startswith(OWN.rstrip())
    assert presets.recipe_from_text(changed, "own.toml") == recipe


@settings(max_examples=15, deadline=None)
@given(recipes())
def test_a_users_file_can_become_any_recipe_and_keeps_its_remarks(recipe: Recipe) -> None:
    changed = update_toml(OWN, recipe)
    assert presets.recipe_from_text(changed, "own.toml") == recipe
    assert changed.startswith("# my best settings so far")
