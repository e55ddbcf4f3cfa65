"""Guide, "Concepts, Styles, and Outfits": the overlays, and what choosing a subject changes."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.concepts.subjects import SUBJECTS, changes_for
from lorabake.recipe.presets import compose, load_recipe, overlay_names
from lorabake.recipe.recipe import recipe_to_mapping, with_setting
from tests.guide.values import PDXL, Row, can_be_chosen, each_value, value_of

STYLE, CONCEPT, OUTFIT = "pdxl+style", "pdxl+concept", "pdxl+outfit"

CHANGES: list[Row] = [
    ("You'll want to raise up the epochs", (STYLE,), "general.epochs", 20),
    ("You may lower tenc LR or set it to zero", (STYLE,), "optimizer.text_encoder_lr", 0),
    ("Set Keep Tokens to 0", (STYLE,), "captions.keep_tokens", 0),
    ("Add an activation tag", (CONCEPT, OUTFIT), "captions.keep_tokens", 1),
]


@each_value(CHANGES)
def test_an_overlay_has_the_guides_value(preset: str, key: str, value: Any) -> None:
    assert value_of(load_recipe(preset), key) == value


@pytest.mark.parametrize(
    ("preset", "key", "value", "sentence"),
    [
        (PDXL, "text_encoder_lr", 0, "You may lower tenc LR or set it to zero"),
        (PDXL, "keep_tokens", 0, "Set Keep Tokens to 0 if you're not using an activation token"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_what_the_guide_offers_instead_can_be_chosen(
    preset: str, key: str, value: Any, sentence: str
) -> None:
    assert can_be_chosen(preset, key, value)


def changed(subject: str, preset: str = PDXL) -> dict[str, Any]:
    settings = recipe_to_mapping(load_recipe(preset))
    return {one.setting: one.after for one in changes_for(subject, settings) if not one.optional}


def test_a_style_has_no_activation_tag() -> None:
    """“I prefer not adding an activation tag” · “raise up the epochs” · “set it to zero”"""
    assert not SUBJECTS["style"].has_trigger
    assert changed("style") == {
        "captions.keep_tokens": 0,
        "general.epochs": 20,
        "optimizer.text_encoder_lr": 0,
    }


def test_a_style_may_want_a_lower_rate() -> None:
    """“Lower unet LR if necessary.”"""
    settings = recipe_to_mapping(load_recipe(PDXL))
    (offered,) = [one for one in changes_for("style", settings) if one.optional]
    assert (offered.setting, offered.before, offered.after) == ("optimizer.unet_lr", 1e-4, 5e-5)


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("concept", "For concepts: Add an activation tag … it also includes a helper tag"),
        ("outfits", "For outfits: Add an activation tag. Try your best to describe the outfit"),
        ("character", "a singular character"),
        ("characters", "You can apply … this method to multiple characters and concepts."),
    ],
)
def test_other_subjects_have_one(subject: str, sentence: str) -> None:
    assert SUBJECTS[subject].has_trigger
    assert changed(subject) == {}, "the guide's settings have it in front already"
    assert changed(subject, STYLE)["captions.keep_tokens"] == 1, "and take it back from a style"


@pytest.mark.parametrize("subject", [entry.name for entry in SUBJECTS])
def test_a_subject_changes_what_its_overlay_does(subject: str) -> None:
    entry = SUBJECTS[subject]
    recipe = load_recipe(PDXL)
    for key, value in changed(subject).items():
        recipe = with_setting(recipe, key, value)
    assert entry.overlay in ("", *overlay_names())
    wanted = compose(PDXL, [entry.overlay] if entry.overlay else [])
    ours, theirs = recipe_to_mapping(recipe), recipe_to_mapping(wanted)
    assert {k: v for k, v in ours.items() if k not in ("title", "description")} == {
        k: v for k, v in theirs.items() if k not in ("title", "description")
    }
    assert all(change.why.endswith(".") for change in entry.changes)
