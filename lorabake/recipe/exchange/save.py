"""A recipe as other trainers' files; one that came from such a file goes back into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorabake.core.toml import dump_toml, parse_toml
from lorabake.recipe.exchange.arguments import Arguments, Table, patched
from lorabake.recipe.exchange.folders import FolderSettings
from lorabake.recipe.exchange.lets import lets_tables, read_lets
from lorabake.recipe.exchange.reading import Reading
from lorabake.recipe.exchange.sd_scripts import (
    config_tables,
    dataset_tables,
    looks_like_sdxl,
    read_config,
    read_dataset,
)
from lorabake.recipe.exchange.writing import arguments_of
from lorabake.recipe.kept import without_secrets
from lorabake.recipe.recipe import Recipe


def write_lets(recipe: Recipe, folders: Sequence[FolderSettings] | None = None) -> str:
    """The recipe as a file of LoRA Easy Training Scripts. folders: None keeps the file's own."""
    original = _kept(recipe, "lets")
    if original is None:
        return dump_toml(lets_tables(_carried(recipe, folders, lets=True)))
    reading = Reading(read_lets(original)).read()
    before = lets_tables(arguments_of(reading.recipe, reading.folders, lets=True), original)
    now = reading.folders if folders is None else list(folders)
    after = lets_tables(arguments_of(recipe, now, lets=True), original)
    subsets = _patched_subsets(original.get("subsets", []), before, after)
    before.pop("subsets", None)
    after.pop("subsets", None)
    result = patched(original, before, after)
    if subsets or "subsets" in original:
        result = {"subsets": subsets, **{k: v for k, v in result.items() if k != "subsets"}}
    return dump_toml(result)


def write_sd_scripts(
    recipe: Recipe, folders: Sequence[FolderSettings] | None = None
) -> tuple[str, str]:
    """The recipe as sd-scripts' two files: `--config_file` and `--dataset_config`."""
    given = _carried(recipe, folders, lets=False)
    return dump_toml(config_tables(given)), dump_toml(dataset_tables(given))


def first_said(recipe: Recipe) -> tuple[Arguments, bool] | None:
    """What the recipe's first file said, and whether that was a file of LETS."""
    if (original := _kept(recipe, "lets")) is not None:
        return read_lets(original), True
    config, dataset = _kept(recipe, "config"), _kept(recipe, "dataset")
    if config is None:
        return None
    said = read_config(config)
    read_dataset(dataset or {}, said)
    said.args.setdefault("sdxl", looks_like_sdxl(said))
    return said, False


def _kept(recipe: Recipe, part: str) -> Table | None:
    text = recipe.kept.get(part)
    if not isinstance(text, str):
        return None
    return dict(without_secrets(parse_toml(text, f"The kept {part} file"), []))


def _carried(recipe: Recipe, folders: Sequence[FolderSettings] | None, *, lets: bool) -> Arguments:
    """The recipe as arguments, with what its first file said beyond that."""
    first = first_said(recipe)
    if first is None:
        return arguments_of(recipe, folders or (), lets=lets)
    said, was_lets = first
    reading = Reading(said).read()
    now = reading.folders if folders is None else list(folders)
    before = arguments_of(reading.recipe, reading.folders, lets=was_lets)
    after = arguments_of(recipe, now, lets=lets)
    parts: dict[str, Any] = {
        part: patched(getattr(said, part), getattr(before, part), getattr(after, part))
        for part in ("args", "network", "optimizer", "scheduler", "dataset")
    }
    tables = ({"subsets": before.subsets}, {"subsets": after.subsets})
    return Arguments(**parts, subsets=_patched_subsets(said.subsets, *tables))


def _patched_subsets(original: Any, before: Table, after: Table) -> list[Table]:
    """Each folder as the file had it, with what was changed; new ones at their place."""
    tables = [table for table in original if isinstance(table, dict)] if original else []
    old = list(zip(tables, before.get("subsets", []), strict=False))
    result = []
    for wanted in after.get("subsets", []):
        place = next(
            (i for i, (_, was) in enumerate(old) if was["image_dir"] == wanted["image_dir"]), None
        )
        if place is None:
            result.append(wanted)
        else:
            table, was = old.pop(place)
            result.append(patched(table, was, wanted))
    return result
