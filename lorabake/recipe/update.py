"""Changing a user's own settings file without losing what they wrote into it."""

from __future__ import annotations

from typing import Any

from lorabake.recipe.presets import recipe_from_text
from lorabake.recipe.recipe import Recipe, recipe_to_mapping


def update_toml(text: str, recipe: Recipe, name: str = "recipe.toml") -> str:
    """`text` changed as little as possible, so that it reads as `recipe`.

    Only values that differ are touched: remarks, order and the `base` line stay. Where a base says
    more than the recipe (an optimizer's arg that has to go), the base's values are written out and
    the line goes. Raises RecipeError when `text` is no settings file.
    """
    import tomlkit

    before = recipe_from_text(text, name)
    if before == recipe:
        return text
    document = tomlkit.parse(text)
    _patch(document, recipe_to_mapping(before), recipe_to_mapping(recipe))
    changed = tomlkit.dumps(document)
    if recipe_from_text(changed, name) == recipe:
        return changed
    document.pop("base", None)
    _fill(document, recipe_to_mapping(recipe))
    return tomlkit.dumps(document)


def _patch(table: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Write into a table of the file what `after` says differently from `before`."""
    for key in before.keys() - after.keys():
        table.pop(key, None)
    for key, value in after.items():
        old = before.get(key)
        if old == value and key in before:
            continue
        if isinstance(value, dict):
            _patch(_table(table, key), old if isinstance(old, dict) else {}, value)
        else:
            table[key] = value


def _fill(table: Any, after: dict[str, Any]) -> None:
    """Every value of `after`, and nothing else, in the order the file already has."""
    for key in [key for key in table if key not in after]:
        del table[key]
    for key, value in after.items():
        if isinstance(value, dict):
            _fill(_table(table, key), value)
        elif key not in table or table[key] != value:
            table[key] = value


def _table(parent: Any, key: str) -> Any:
    import tomlkit

    if key not in parent:
        parent[key] = tomlkit.table()
    return parent[key]
