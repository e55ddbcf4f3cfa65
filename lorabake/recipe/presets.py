"""Presets: recipes as TOML files, each standing on another by `base = "NAME"`, and overlays.

An overlay (`overlay = true`) is no recipe of its own but a change to one: "take the settings above
and change the following". On the command line, in `base` and in the names of runs they are joined
by a plus: `pdxl+dora`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lorabake.core.errors import RecipeError
from lorabake.core.registry import unknown_name
from lorabake.core.settings import setting_fields
from lorabake.core.toml import dump_toml, read_toml
from lorabake.recipe.recipe import (
    GROUPS,
    Recipe,
    recipe_from_mapping,
    recipe_to_mapping,
    with_setting,
)

PRESETS_DIR = Path(__file__).resolve().parents[2] / "presets"
MAX_BASES = 8
JOIN = "+"

_ORDER = {"practice": 0, "illustrious": 1, "pdxl": 2, "nai15": 3}
# The card's overlays come first, so that Prodigy stays the optimizer where both are on.
_OVERLAYS = ("small-card", "old-card", "prodigy", "dora", "glora", "style", "concept", "outfit")
_OVERLAY_ORDER = {name: place for place, name in enumerate(_OVERLAYS)}


def preset_names() -> tuple[str, ...]:
    """Names of the shipped presets, without the overlays, in the order of the page."""
    return _names(overlays=False, order=_ORDER)


def overlay_names() -> tuple[str, ...]:
    """Names of the shipped overlays, in the order of the page."""
    return _names(overlays=True, order=_OVERLAY_ORDER)


def overlay_texts(name: str) -> tuple[str, str]:
    """Title and description of an overlay."""
    mapping = _overlay(name)
    return str(mapping.get("title", name)), str(mapping.get("description", ""))


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe from a preset's name or a TOML file, with overlays and single settings changed.

    source: "pdxl", "pdxl+dora", a path, or "own.toml+dora".
    overrides: "network_dim" or "network.network_dim" → value, as `--set` gives them.
    """
    name, overlays = _split(source)
    if name in preset_names():
        recipe = _build(PRESETS_DIR / f"{name}.toml", MAX_BASES)
    else:
        path = source if isinstance(source, Path) else Path(name)
        if path.suffix.lower() != ".toml" or not _is_file(path):
            raise RecipeError(
                unknown_name("preset or settings file", name, preset_names())
                + " A file of your own must end in .toml."
            )
        recipe = _build(path, MAX_BASES)
    return _finished(recipe, overlays, overrides)


def compose(
    preset: str, overlays: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> Recipe:
    """A shipped preset with overlays laid over it in turn, then single settings changed."""
    if preset not in preset_names():
        raise RecipeError(unknown_name("preset", preset, preset_names()))
    return _finished(_build(PRESETS_DIR / f"{preset}.toml", MAX_BASES), overlays, overrides)


def with_overlays(recipe: Recipe, overlays: Sequence[str]) -> Recipe:
    """`recipe` with what the overlays change; their titles are added to its own."""
    for name in overlays:
        mapping = _overlay(name)
        title = f"{recipe.title} + {mapping.pop('title', name)}"
        mapping.pop("description", None)
        recipe = _laid_over(recipe, {**mapping, "title": title})
    return recipe


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe as a file that reads back equal, each setting with its label as a remark."""
    remarks = {
        f"{group}.{spec.name}": f"{spec.label}{f', {spec.unit}' if spec.unit else ''}"
        for group, (_, cls) in GROUPS.items()
        for spec in setting_fields(cls)
    }
    return dump_toml(recipe_to_mapping(recipe), remarks)


def recipe_from_text(text: str, name: str) -> Recipe:
    """A recipe from the text of a settings file, its base included."""
    from lorabake.core.toml import parse_toml

    return _from_mapping(parse_toml(text, name), name, MAX_BASES)


def _names(*, overlays: bool, order: Mapping[str, int]) -> tuple[str, ...]:
    found = [path.stem for path in PRESETS_DIR.glob("*.toml") if _is_overlay(path) == overlays]
    return tuple(sorted(found, key=lambda name: (order.get(name, 99), name)))


def _is_overlay(path: Path) -> bool:
    return _says_overlay(path, path.stat().st_mtime_ns)


@cache
def _says_overlay(path: Path, _changed: int) -> bool:
    return read_toml(path).get("overlay") is True


def _overlay(name: str) -> dict[str, Any]:
    if name not in overlay_names():
        raise RecipeError(unknown_name("overlay", name, overlay_names()))
    mapping = read_toml(PRESETS_DIR / f"{name}.toml")
    del mapping["overlay"]
    return mapping


def _split(source: str | Path) -> tuple[str, list[str]]:
    """Preset and overlays: "pdxl+dora" → ("pdxl", ["dora"]); a file may have a plus in its name."""
    if isinstance(source, Path) or _is_file(Path(source)):
        return str(source), []
    name, *overlays = source.split(JOIN)
    return name, overlays


def _finished(
    recipe: Recipe, overlays: Sequence[str], overrides: Mapping[str, Any] | None
) -> Recipe:
    recipe = with_overlays(recipe, overlays)
    for key, value in (overrides or {}).items():
        recipe = with_setting(recipe, key, value)
    return recipe


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long for the disk, say, or no name at all
        return False


def _build(path: Path, left: int) -> Recipe:
    return _from_mapping(read_toml(path), path.name, left)


def _from_mapping(mapping: dict[str, Any], name: str, left: int) -> Recipe:
    """The file's tables laid over those of its base, its base's base, and so on."""
    base = mapping.pop("base", None)
    if mapping.pop("overlay", False) is not False:
        raise RecipeError(
            f"{name} is an overlay, a change to a preset and no recipe of its own. "
            "Write the preset in front of it, as in pdxl+dora."
        )
    if base is None:
        return recipe_from_mapping(mapping)
    if left == 0:
        raise RecipeError(f"{name} stands on itself through its bases. Remove one `base = …` line.")
    below, *overlays = base.split(JOIN) if isinstance(base, str) else [base]
    if below not in preset_names():
        # Only shipped presets: a path in a file from somebody else must not choose what is read.
        raise RecipeError(unknown_name("preset", below, preset_names()))
    recipe = with_overlays(_build(PRESETS_DIR / f"{below}.toml", left - 1), overlays)
    return _laid_over(recipe, mapping)


def _laid_over(recipe: Recipe, mapping: Mapping[str, Any]) -> Recipe:
    """`recipe` with the tables of a file on top; another optimizer keeps the args that fit it."""
    optimizer = mapping.get("optimizer")
    if isinstance(optimizer, Mapping) and "type" in optimizer:
        recipe = with_setting(recipe, "optimizer.type", optimizer["type"])
    return recipe_from_mapping(_merged(recipe_to_mapping(recipe), mapping))


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both_tables = isinstance(old, dict) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both_tables and isinstance(old, dict) else value
    return result
