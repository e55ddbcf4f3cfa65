"""What was chosen for a project: a preset, and what differs from it. Kept in the project's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.workspace import Project
from lorabake.recipe.presets import load_recipe, preset_names
from lorabake.recipe.recipe import GROUPS, Recipe, recipe_from_mapping, recipe_to_mapping

FIRST_PRESETS = ("practice", "illustrious")


@dataclass(frozen=True)
class Chosen:
    """preset: a shipped name; recipe: with the changes; changes: "group.name" → value."""

    preset: str
    recipe: Recipe
    changes: dict[str, Any]


def read_chosen(project: Project) -> Chosen:
    """The project's choice; the gentlest preset when nothing was chosen yet or it no longer fits."""
    settings = project.read_settings()
    preset = str(settings.get("preset", ""))
    if preset not in preset_names():
        preset = next((name for name in FIRST_PRESETS if name in preset_names()), preset_names()[0])
    changes = settings.get("changes")
    changes = changes if isinstance(changes, dict) else {}
    base = load_recipe(preset)
    try:
        return Chosen(preset, with_changes(base, changes), changes)
    except LorabakeError:  # written by another version
        return Chosen(preset, base, {})


def write_chosen(project: Project, preset: str, tables: Mapping[str, Mapping[str, Any]]) -> Chosen:
    """Keep the form's tables as changes to a preset; RecipeError when they do not fit together."""
    if preset not in preset_names():
        raise RecipeError("This preset is no longer there. Choose another one.")
    base = load_recipe(preset)
    recipe = with_tables(base, tables)
    changes = differences(base, recipe)
    update_settings(project, preset=preset, changes=changes)
    return Chosen(preset, recipe, changes)


def update_settings(project: Project, **values: Any) -> None:
    """Change some of what project.json says and leave the rest."""
    settings = project.read_settings()
    if any(settings.get(name) != value for name, value in values.items()):
        project.write_settings({**settings, **values})


def with_tables(base: Recipe, tables: Mapping[str, Mapping[str, Any]]) -> Recipe:
    mapping = recipe_to_mapping(base)
    return recipe_from_mapping(
        {**mapping, **{group: {**mapping[group], **tables.get(group, {})} for group in GROUPS}}
    )


def with_changes(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    tables: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        group, _, name = key.partition(".")
        tables.setdefault(group, {})[name] = value
    return with_tables(base, tables)


def differences(base: Recipe, recipe: Recipe) -> dict[str, Any]:
    """Every setting that is not the preset's, as "group.name" → value."""
    before, after = recipe_to_mapping(base), recipe_to_mapping(recipe)
    return {
        f"{group}.{name}": value
        for group in GROUPS
        for name, value in after[group].items()
        if value != before[group][name]
    }
