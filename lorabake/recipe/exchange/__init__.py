"""Recipes in and out: settings of other trainers and of finished LoRAs, read and given back.

A file of another trainer is kept as data beside the recipe (`Recipe.kept`, without secrets). Written
back, it is that file again with only those values changed that the user has changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabake.core.errors import RecipeError
from lorabake.core.settings import setting_fields
from lorabake.core.toml import dump_toml, parse_toml, read_toml
from lorabake.recipe.exchange.arguments import Arguments, Table, patched, without_secrets
from lorabake.recipe.exchange.folders import FolderSettings, apply_folders
from lorabake.recipe.exchange.imported import Change, Imported, Source, differences
from lorabake.recipe.exchange.lets import is_lets, lets_tables, read_lets
from lorabake.recipe.exchange.metadata import has_settings, read_metadata
from lorabake.recipe.exchange.reading import Reading
from lorabake.recipe.exchange.sd_scripts import (
    config_tables,
    dataset_tables,
    is_dataset_config,
    read_config,
    read_dataset,
)
from lorabake.recipe.exchange.writing import arguments_of
from lorabake.recipe.presets import recipe_from_text
from lorabake.recipe.recipe import GROUPS, Recipe

__all__ = [
    "Change",
    "FolderSettings",
    "Imported",
    "apply_folders",
    "differences",
    "read_settings",
    "write_lets",
    "write_sd_scripts",
]

MAX_KEPT = 24_000  # characters; a recipe with the file beside it must stay a settings file
_XL = re.compile(r"xl|pony|illustrious|noob", re.I)


def read_settings(
    source: Path | bytes, name: str = "", *, dataset: Path | bytes | None = None
) -> Imported:
    """The settings in a file of any known kind: our own or LETS TOML, sd-scripts' files, a LoRA.

    name: what the user calls the file. dataset: the other file of an sd-scripts pair. Nothing that
    the file names is opened. Raises RecipeError or ModelFileError when it cannot be used.
    """
    name = name or (source.name if isinstance(source, Path) else "settings.toml")
    if isinstance(source, Path) and source.suffix.lower() != ".toml":
        return _from_lora(source)
    contents = _parsed(source, name)
    if _is_ours(contents):
        return _from_ours(contents, name)
    removed: list[str] = []
    contents = without_secrets(contents, removed)
    if dataset is None and is_lets(contents):
        found = _from_lets(contents)
    else:
        folders = without_secrets(_parsed(dataset, "The data set file"), removed) if dataset else {}
        found = _from_sd_scripts(contents, folders, name)
    secrets = [f"{key[:60]} is a secret, so it was not read or kept." for key in removed]
    return replace(found, warnings=[*secrets, *found.warnings])


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


def _parsed(source: Path | bytes, name: str) -> Table:
    if isinstance(source, Path):
        return read_toml(source)
    try:
        return parse_toml(source.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise RecipeError(
            f"{name} is not UTF-8 text. Save it as UTF-8 and load it again."
        ) from None


def _is_ours(contents: Table) -> bool:
    """Our own files have our groups; those of sd-scripts may have any names."""
    if "base" in contents or "overlay" in contents or isinstance(contents.get("kept"), dict):
        return True
    names = [key for key, value in contents.items() if isinstance(value, dict) and key in GROUPS]
    for name in names:
        known = {spec.name for spec in setting_fields(GROUPS[name][1])}
        if known & contents[name].keys() and not contents[name].keys() & {
            "image_dir",
            "output_dir",
        }:
            return not is_dataset_config(contents)
    return False


def _from_ours(contents: Table, name: str) -> Imported:
    recipe = recipe_from_text(dump_toml(contents), name)
    folders: list[FolderSettings] = []
    original = _kept(recipe, "lets")
    if original is not None:
        folders = Reading(read_lets(original)).read().folders
    return Imported(recipe, "lorabake", folders)


def _from_lora(path: Path) -> Imported:
    from lorabake.engine.checkpoint_file import read_header

    metadata = read_header(path).metadata
    own = metadata.get("lorabake.recipe")
    if own:
        recipe = replace(recipe_from_text(own, path.name), kept={})
        return Imported(recipe, "lora")
    if not has_settings(metadata):
        raise RecipeError(f"{path.name} does not say how it was trained. Choose another file.")
    reading = Reading(read_metadata(metadata)).read()
    warnings = [
        *reading.warnings,
        "Trainers often note the wrong LR scheduler in a LoRA. Look at it before you bake.",
    ]
    return Imported(reading.recipe, "lora", reading.folders, warnings, reading.lost)


def _from_lets(contents: Table) -> Imported:
    given = read_lets(contents)
    reading = Reading(given).read()
    if str(dict(contents.get("train_mode") or {}).get("train_mode", "lora")) != "lora":
        reading.lost.append("train_mode: only LoRAs are trained here")
    return _imported(reading, "lets", {"lets": contents})


def _from_sd_scripts(contents: Table, folders: Table, name: str) -> Imported:
    if is_dataset_config(contents):
        contents, folders = folders, contents
    given = read_config(contents)
    if folders:
        read_dataset(folders, given)
    if folders and not contents:
        return _imported(Reading(given).read_dataset(), "sd-scripts", {})
    if (
        not {"pretrained_model_name_or_path", "learning_rate", "network_dim", "unet_lr"}
        & given.args.keys()
    ):
        raise RecipeError(
            f"{name} is no settings file of lorabake, LoRA Easy Training Scripts or sd-scripts. "
            "Choose the TOML file that one of them saved, or a finished LoRA."
        )
    guessed = "sdxl" not in given.args
    if guessed:
        given.args["sdxl"] = _looks_like_sdxl(given)
    reading = Reading(given).read()
    if guessed:
        reading.warnings.append(
            f"The file does not name the model's family; it looks like {reading.recipe.family}."
        )
    kept = {"config": contents} | ({"dataset": folders} if folders else {})
    return _imported(reading, "sd-scripts", kept)


def _looks_like_sdxl(given: Arguments) -> bool:
    if given.args.get("no_half_vae") or given.args.get("full_bf16"):
        return True
    base = given.args.get("pretrained_model_name_or_path", "")
    return bool(_XL.search(str(base).replace("\\", "/").rpartition("/")[2]))


def _imported(reading: Reading, source: Source, kept: dict[str, Table]) -> Imported:
    try:
        texts = {key: dump_toml(value) for key, value in kept.items()}
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        raise RecipeError("The file has a number too long for a settings file.") from None
    warnings = list(reading.warnings)
    if sum(map(len, texts.values())) > MAX_KEPT:
        texts = {}
        warnings.append(
            "The file is too long to be kept whole, so it cannot be given back as it was."
        )
    recipe = replace(reading.recipe, kept=texts)
    return Imported(recipe, source, reading.folders, warnings, reading.lost)


def _kept(recipe: Recipe, part: str) -> Table | None:
    text = recipe.kept.get(part)
    if not isinstance(text, str):
        return None
    return dict(without_secrets(parse_toml(text, f"The kept {part} file"), []))


def _carried(recipe: Recipe, folders: Sequence[FolderSettings] | None, *, lets: bool) -> Arguments:
    """The recipe as arguments, with what its first file said beyond that."""
    if (original := _kept(recipe, "lets")) is not None:
        said, was_lets = read_lets(original), True
    elif (config := _kept(recipe, "config")) is not None:
        said, was_lets = read_config(config), False
        said.args.setdefault("sdxl", _looks_like_sdxl(said))
        read_dataset(_kept(recipe, "dataset") or {}, said)
    else:
        return arguments_of(recipe, folders or (), lets=lets)
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
