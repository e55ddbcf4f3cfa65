"""Preset, overlays and single settings: what is chosen, what each changes, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorabake.core.concept_settings import write_concept_settings
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import compose, overlay_names, preset_names
from lorabake.recipe.recipe import GROUPS
from lorabake.ui import numbers, pictures, planned, recipes
from lorabake.ui.chosen import read_chosen, undo
from lorabake.ui.form import WORDS, describe
from lorabake.ui.place import Place, open_place
from tests.ui.browsing import make_project

NAME = "kafka"


@pytest.fixture
def place(workspace: Path) -> Place:
    make_project(workspace, NAME, {f"{n}": f"kafka, tag {n}" for n in range(4)})
    return open_place(Workspace.open(workspace))


def call(function: Any, **data: Any) -> dict[str, Any]:
    answer = function({"project": NAME, **data})
    assert "error" not in answer, answer
    return dict(answer)


def value(place: Place, key: str) -> Any:
    group, _, name = key.partition(".")
    return getattr(getattr(read_chosen(place.project(NAME)).recipe, group), name)


# --- the form --------------------------------------------------------------------------------


def test_every_setting_is_in_the_form_once() -> None:
    keys = [field["key"] for group in describe() for field in group["fields"]]
    assert keys == [f"{g}.{s.name}" for g, (_, cls) in GROUPS.items() for s in setting_fields(cls)]


@pytest.mark.parametrize("key", WORDS)
def test_words_for_choices_stand_for_choices_that_exist(key: str) -> None:
    group, _, name = key.partition(".")
    (spec,) = [spec for spec in setting_fields(GROUPS[group][1]) if spec.name == name]
    assert set(WORDS[key]) & set(map(str, spec.choices))


def test_one_setting_is_changed_and_put_back(place: Place) -> None:
    call(recipes.lb_set, key="general.epochs", value=" 7 ")
    assert value(place, "general.epochs") == 7
    shown = call(recipes.lb_settings)
    assert shown["values"]["general.epochs"] == 7
    assert shown["changed"] == {"general.epochs": "10"}
    call(recipes.lb_set, key="general.epochs", reset=True)
    assert call(recipes.lb_settings)["changed"] == {}


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("general.epochs", "many"),
        ("general.epochs", {"a": 1}),
        ("optimizer.args", "nothing = 1"),
        ("no.such", "1"),
        ("", ""),
        ("model.base", ["x"]),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(place: Place, key: str, typed: Any) -> None:
    before = read_chosen(place.project(NAME))
    answer = recipes.lb_set({"project": NAME, "key": key, "value": typed})
    assert len(answer["error"]) > 20
    assert read_chosen(place.project(NAME)) == before


def test_another_optimizer_keeps_the_args_it_knows(place: Place) -> None:
    call(recipes.lb_set, key="optimizer.args", value="weight_decay = 0.5\nbetas = [0.9, 0.99]")
    call(recipes.lb_set, key="optimizer.type", value="came")
    assert value(place, "optimizer.args") == {"weight_decay": 0.5}


def test_several_lines_stay_several_lines(place: Place) -> None:
    call(recipes.lb_set, key="sample.sample_prompts", value="one --d 1\ntwo --d 2")
    assert value(place, "sample.sample_prompts") == "one --d 1\ntwo --d 2"


# --- presets and overlays ------------------------------------------------------------------------


@pytest.mark.parametrize("name", overlay_names())
@pytest.mark.parametrize("preset", preset_names())
def test_an_overlay_goes_on_and_off_again(place: Place, preset: str, name: str) -> None:
    call(recipes.lb_preset, preset=preset)
    call(recipes.lb_overlay, overlay=name, on=True)
    project = place.project(NAME)
    assert read_chosen(project).recipe == compose(preset, [name])
    (shown,) = [one for one in call(recipes.lb_choice)["overlays"] if one["name"] == name]
    assert shown["on"]
    assert all(one["before"] != one["after"] for one in shown["changes"])
    call(recipes.lb_overlay, overlay=name, on=False)
    assert read_chosen(project).recipe == compose(preset)


def test_an_overlay_leaves_other_changes_and_says_what_it_takes(place: Place) -> None:
    call(recipes.lb_set, key="network.type", value="loha")
    call(recipes.lb_set, key="general.seed", value="5")
    said = call(recipes.lb_overlay, overlay="dora", on=True)["said"]
    assert "LoRA type" in said
    assert (value(place, "network.type"), value(place, "general.seed")) == ("locon", 5)
    undo(place.project(NAME))
    assert (value(place, "network.type"), value(place, "general.seed")) == ("loha", 5)


def test_overlays_that_exclude_each_other_replace_each_other(place: Place) -> None:
    call(recipes.lb_overlay, overlay="dora", on=True)
    call(recipes.lb_overlay, overlay="style", on=True)
    assert "instead of DoRA" in call(recipes.lb_overlay, overlay="glora", on=True)["said"]
    assert read_chosen(place.project(NAME)).overlays == ("glora", "style")


def test_a_preset_keeps_the_model_and_can_be_undone(place: Place) -> None:
    call(recipes.lb_preset, preset="pdxl")
    call(recipes.lb_set, key="model.base", value="mine.safetensors")
    call(recipes.lb_set, key="general.epochs", value="3")
    assert "1 change of yours went: Epochs" in call(recipes.lb_preset, preset="illustrious")["said"]
    assert (value(place, "model.base"), value(place, "general.epochs")) == ("mine.safetensors", 10)
    call(recipes.lb_undo)
    assert read_chosen(place.project(NAME)).preset == "pdxl"
    assert value(place, "general.epochs") == 3


def test_settings_of_another_version_do_not_keep_the_project_shut(place: Place) -> None:
    project = place.project(NAME)
    project.write_settings(
        {"preset": "pdxl", "overlays": ["gone", 3], "changes": {"general.gone": 1}}
    )
    chosen = read_chosen(project)
    assert (chosen.preset, chosen.overlays, chosen.changes) == ("pdxl", (), {})


# --- the model ---------------------------------------------------------------------------------


def test_what_was_found_of_the_base_model_is_shown(place: Place) -> None:
    base = call(recipes.lb_settings)["base"]
    assert base["problem"] == ""
    facts = dict(base["facts"])
    assert facts["Family"] == "SDXL"
    assert facts["Predicts"] == "noise (epsilon)"
    assert facts["Zero terminal SNR"] == "no"
    assert {"Precision", "Size"} <= set(facts)


def test_what_is_no_base_model_is_named(place: Place) -> None:
    from tests.engine.shelves import LORA, safetensors

    (place.workspace.models_dir / "kafka.safetensors").write_bytes(safetensors(LORA))
    call(recipes.lb_set, key="model.base", value="kafka.safetensors")
    assert "LoRA" in call(recipes.lb_settings)["base"]["problem"]
    (place.workspace.models_dir / "kafka.safetensors").write_bytes(b"no model at all")
    assert "kafka.safetensors" in call(recipes.lb_settings)["base"]["problem"]
    call(recipes.lb_set, key="model.base", value="../../etc/passwd")
    assert "There is no base model" in call(recipes.lb_settings)["base"]["problem"]


# --- regularisation ----------------------------------------------------------------------------


def test_a_folder_is_marked_and_the_plan_follows(place: Place) -> None:
    reg = place.project(NAME).dataset_dir / "1_girl"
    reg.mkdir()
    source = place.project(NAME).dataset_dir / "2_kafka"
    for n in range(3):
        (reg / f"{n}.png").write_bytes((source / f"{n}.png").read_bytes())
    assert call(planned.lb_plan)["plan"]["seen"] == 4 * 2 + 3
    call(pictures.lb_reg, folder="1_girl", reg=True)
    folders = {one["folder"]: one for one in call(pictures.lb_folders)["folders"]}
    assert [folders[name]["reg"] for name in ("1_girl", "2_kafka")] == [True, False]
    assert [one["is_reg"] for one in call(numbers.lb_numbers)["rows"]] == [True, False]
    assert call(planned.lb_plan)["plan"]["reg"] == 8
    call(pictures.lb_reg, folder="1_girl", reg=False)
    assert call(planned.lb_plan)["plan"]["reg"] == 0
    assert not (reg / "concept.toml").exists()


def test_settings_of_a_folder_are_shown_and_kept(place: Place) -> None:
    folder = place.project(NAME).dataset_dir / "2_kafka"
    concept = place.shelf(NAME).dataset.concepts[0]
    own = type(concept.settings)(keep_tokens=3, flip_aug=True)
    write_concept_settings(folder, own)
    place.forget(NAME)
    call(pictures.lb_reg, folder="2_kafka", reg=True)
    (shown,) = call(pictures.lb_folders)["folders"]
    assert shown["own"] == ["Keep tokens 3", "Flip on"]
    assert "error" in pictures.lb_reg({"project": NAME, "folder": "../x", "reg": True})
