"""Settings files and finished LoRAs of every kind: what each is, and the recipe in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lorabake.core.errors import RecipeError
from lorabake.core.settings import setting_fields
from lorabake.core.toml import dump_toml, parse_toml, read_toml
from lorabake.recipe.exchange.arguments import Table
from lorabake.recipe.exchange.imported import Imported, Source
from lorabake.recipe.exchange.lets import is_lets, read_lets
from lorabake.recipe.exchange.metadata import has_settings, read_metadata
from lorabake.recipe.exchange.reading import Reading
from lorabake.recipe.exchange.save import first_said
from lorabake.recipe.exchange.sd_scripts import (
    is_dataset_config,
    looks_like_sdxl,
    read_config,
    read_dataset,
)
from lorabake.recipe.kept import clean_kept, without_secrets
from lorabake.recipe.presets import recipe_from_text
from lorabake.recipe.recipe import GROUPS

MAX_KEPT = 24_000  # characters; a recipe with the file beside it must stay a settings file
_ENOUGH = {  # one of these makes a TOML file settings of sd-scripts
    *("pretrained_model_name_or_path", "learning_rate", "unet_lr", "network_dim"),
    *("network_module", "optimizer_type", "train_data_dir"),
}
_NEVER_OURS = _ENOUGH - {"network_dim", "unet_lr"} | {
    *("datasets", "image_dir", "output_dir", "output_name", "train_batch_size"),
    *("max_train_epochs", "dataset_config"),
}


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
    return replace(found, warnings=[*_told(removed), *found.warnings])


def _told(secrets: Sequence[str]) -> list[str]:
    return [f"{key[:60]} is a secret, so it was not read or kept." for key in secrets]


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
    """Our own files have our groups; those of sd-scripts may have tables of any names."""
    if contents.keys() & {"base", "overlay", "family"} or isinstance(contents.get("kept"), dict):
        return True
    tables = {key: value for key, value in contents.items() if isinstance(value, dict)}
    if (contents.keys() | {key for table in tables.values() for key in table}) & _NEVER_OURS:
        return False
    return any(
        {spec.name for spec in setting_fields(GROUPS[name][1])} & tables[name].keys()
        for name in GROUPS.keys() & tables.keys()
    )


def _from_ours(contents: Table, name: str) -> Imported:
    removed: list[str] = []
    if isinstance(kept := contents.get("kept"), dict):
        contents = contents | {"kept": clean_kept(kept, removed)}
    recipe = recipe_from_text(dump_toml(contents), name)
    said = first_said(recipe)
    folders = Reading(said[0]).read().folders if said else []
    return Imported(recipe, "lorabake", folders, _told(removed))


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
    if not _ENOUGH & given.args.keys():
        raise RecipeError(
            f"{name} is no settings file of lorabake, LoRA Easy Training Scripts or sd-scripts. "
            "Choose the TOML file that one of them saved, or a finished LoRA."
        )
    guessed = "sdxl" not in given.args
    if guessed:
        given.args["sdxl"] = looks_like_sdxl(given)
    about_folders = bool(given.dataset or given.subsets or "train_data_dir" in given.args)
    reading = Reading(given).read(folders=about_folders)
    if not about_folders:
        reading.warnings.append(
            "The file says nothing of folders: resolution, batch size, buckets and captions are left "
            "as they are by default. Load the data set file together with it."
        )
    if guessed:
        reading.warnings.append(
            f"The file does not name the model's family; it looks like {reading.recipe.family}."
        )
    kept = {"config": contents} | ({"dataset": folders} if folders else {})
    return _imported(reading, "sd-scripts", kept)


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
