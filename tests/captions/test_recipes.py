"""A set of operations is saved under a name and serves in other projects."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions.recipes import (
    delete_recipe,
    load_recipe,
    read_recipe,
    recipe_names,
    save_recipe,
)
from lorabake.captions.settings import LONG_TEXT, ProcessSettings
from lorabake.core.errors import BadName, RecipeError
from lorabake.core.files import restore
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.toml import dump_toml, parse_toml
from lorabake.core.workspace import Workspace

TIDY = ProcessSettings(
    tags_to_remove="signature, watermark",
    replace="a = b\nc = d",
    regex_find=r"^\w+\\ \"x\"$",
    rare_below=3,
    redundancy="both",
    rename=True,
)


@pytest.fixture
def space(workspace: Path) -> Workspace:
    return Workspace.open(workspace)


def test_saved_and_loaded_again(space):
    assert recipe_names(space) == ()
    assert save_recipe(space, " Tidy up ", TIDY) == "Tidy up"
    save_recipe(space, "10 überall", ProcessSettings())
    save_recipe(space, "9 先", ProcessSettings(sort="shuffle"))
    assert recipe_names(space) == ("9 先", "10 überall", "Tidy up")
    assert load_recipe(space, "Tidy up") == TIDY
    assert read_recipe(space.root / "tag-recipes" / "Tidy up.toml") == TIDY


def test_a_name_in_other_capitals_is_the_same_set(space):
    save_recipe(space, "Tidy", TIDY)
    assert save_recipe(space, "tidy", ProcessSettings()) == "Tidy"
    assert recipe_names(space) == ("Tidy",)
    assert load_recipe(space, "TIDY") == ProcessSettings()


def test_deleting_can_be_undone(space):
    save_recipe(space, "Tidy", TIDY)
    entry = delete_recipe(space, "Tidy")
    assert recipe_names(space) == ()
    restore(entry)
    assert load_recipe(space, "Tidy") == TIDY


@pytest.mark.parametrize("name", ["", "  ", "a/b", "../x", "con", ".hidden", "a\0b"])
def test_names_that_are_no_file_names_are_refused(space, name):
    with pytest.raises(BadName):
        save_recipe(space, name, TIDY)


@pytest.mark.parametrize("name", ["never", "../workspace", "/etc/passwd", ""])
def test_only_what_was_saved_can_be_loaded_or_deleted(space, name):
    save_recipe(space, "Tidy", TIDY)
    for act in (load_recipe, delete_recipe):
        with pytest.raises(RecipeError, match="no set of operations called"):
            act(space, name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tags_to_add = 3.5e9\nnever = 1", "never"),
        ("rare_below = -1", "rare_below"),
        ("sort = 'by mood'", "sort"),
        (f"replace = '{'x' * (LONG_TEXT + 1)}'", "at most 20000 characters"),
        ("[[[", "not valid TOML"),
    ],
)
def test_a_file_from_somebody_else_is_checked(space, text, says):
    save_recipe(space, "theirs", TIDY)
    (space.root / "tag-recipes" / "theirs.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=says):
        load_recipe(space, "theirs")


def test_what_is_too_long_for_a_file_is_refused_and_the_old_one_stays(space):
    save_recipe(space, "Tidy", TIDY)
    long = "long tag, " * (LONG_TEXT // 10)
    with pytest.raises(RecipeError):
        save_recipe(
            space,
            "Tidy",
            ProcessSettings(
                tags_to_add=long, tags_to_remove=long, tags_to_emphasise=long, keep_tags=long
            ),
        )
    assert load_recipe(space, "Tidy") == TIDY


_TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)


@given(st.builds(ProcessSettings, tags_to_add=_TEXT, replace=_TEXT, regex_replace=_TEXT))
def test_any_text_reads_back_as_it_was(settings):
    assert (
        from_mapping(ProcessSettings, parse_toml(dump_toml(to_mapping(settings)), "it")) == settings
    )
