"""Presets: recipes as TOML files, each standing on another by `base = "NAME"`."""

from __future__ import annotations

from collections.abc import Mapping
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


def preset_names() -> tuple[str, ...]:
    """Names of the shipped presets; the order is theirs by `order`, then by name."""
    files = sorted(PRESETS_DIR.glob("*.toml"))
    return tuple(
        path.stem for path in sorted(files, key=lambda path: (_ORDER.get(path.stem, 99), path.stem))
    )


_ORDER = {"practice": 0, "illustrious": 1, "pdxl": 2, "nai15": 3}


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe from a preset's name or a TOML file, with single settings changed.

    overrides: "network_dim" or "network.network_dim" → value, as `--set` gives them.
    """
    if isinstance(source, str) and source in preset_names():
        recipe = _build(PRESETS_DIR / f"{source}.toml")
    else:
        path = Path(source)
        if path.suffix.lower() != ".toml" or not _is_file(path):
            raise RecipeError(
                unknown_name("preset or settings file", str(source), preset_names())
                + " A file of your own must end in .toml."
            )
        recipe = _build(path)
    for key, value in (overrides or {}).items():
        recipe = with_setting(recipe, key, value)
    return recipe


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the disk, say
        return False


def _build(path: Path) -> Recipe:
    return recipe_from_mapping(_with_bases(read_toml(path), path, MAX_BASES))


def _with_bases(mapping: dict[str, Any], path: Path, left: int) -> dict[str, Any]:
    """The file's tables laid over those of its base, its base's base, and so on."""
    base = mapping.pop("base", None)
    if base is None:
        return mapping
    if left == 0:
        raise RecipeError(
            f"{path.name} stands on itself through its bases. Remove one `base = …` line."
        )
    if not isinstance(base, str) or base not in preset_names():
        # Only shipped presets: a path in a file from somebody else must not choose what is read.
        raise RecipeError(unknown_name("preset", base, preset_names()))
    base_path = PRESETS_DIR / f"{base}.toml"
    return _merged(_with_bases(read_toml(base_path), base_path, left - 1), mapping)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both_tables = isinstance(old, dict) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both_tables and isinstance(old, dict) else value
    return result


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe as a file that reads back equal, each setting with its label as a remark."""
    remarks = {
        f"{group}.{spec.name}": f"{spec.label}{f', {spec.unit}' if spec.unit else ''}"
        for group, (_, cls) in GROUPS.items()
        for spec in setting_fields(cls)
    }
    return dump_toml(recipe_to_mapping(recipe), remarks)
