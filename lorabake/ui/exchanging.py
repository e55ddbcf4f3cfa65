"""Settings in and out: what "Load settings…" shows before anything changes, and the downloads."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.names import slug
from lorabake.core.workspace import Project
from lorabake.recipe.exchange import (
    FolderSettings,
    Imported,
    apply_folders,
    cautions,
    read_settings,
    write_lets,
    write_sd_scripts,
)
from lorabake.recipe.models import resolve_base, resolve_vae
from lorabake.recipe.presets import compose, preset_names, recipe_to_toml
from lorabake.recipe.recipe import Recipe, with_setting
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import differences, read_chosen, write_chosen
from lorabake.ui.place import place
from lorabake.ui.planned import change_rows
from lorabake.ui.recipes import found_choices
from lorabake.ui.uploads import batch_folder
from lorabake.ui.words import plural

MAX_HEADER = 16 * 2**20  # bytes
MAX_LINES = 200  # of one list
MAX_LINE = 500  # characters
KINDS = {
    "lorabake": "",
    "lets": "-easy-training-scripts",
    "sd-config": "-sd-scripts",
    "sd-dataset": "-sd-scripts-dataset",
}
_FORMS = {
    "lorabake": "settings of lorabake",
    "lets": "settings of LoRA Easy Training Scripts",
    "sd-scripts": "settings of sd-scripts",
    "lora": "what a finished LoRA says of its training",
}


@answered("upload")
def lb_load(data: dict[str, Any]) -> dict[str, Any]:
    """What uploaded settings are and what they would change; nothing is changed yet."""
    project = place().project(data.get("project"))
    before = read_chosen(project)
    name, found = _read(data)
    recipe, missing = _at_home(project, found.recipe, before.recipe)
    return {
        "name": name,
        "kind": _FORMS[found.source],
        "changes": change_rows(before.recipe, recipe),
        "not_honoured": _lines([*missing, *found.not_honoured]),
        "warnings": _lines(found.warnings),
        "folders": _lines([folder.summary() for folder in found.folders]),
        "matching": len(_matching(project, found.folders)),
    }


@answered("upload")
def lb_use(data: dict[str, Any]) -> dict[str, Any]:
    """Take the uploaded settings; `folders` also gives the folders of the same names theirs."""
    project = place().project(data.get("project"))
    name, found = _read(data)
    recipe, _ = _at_home(project, found.recipe, read_chosen(project).recipe)
    chosen = write_chosen(project, nearest_preset(recipe), (), recipe, undoable=True)
    said = f"The settings are those of {name}, kept as {chosen.base.title} "
    said += f"with {plural(len(chosen.changes), 'change')}."
    if data.get("folders") is True:
        matching = _matching(project, found.folders)
        apply_folders(project.dataset_dir, matching)
        place().forget(project.name)
        said += f" {plural(len(matching), 'folder')} got repeats and settings of their own."
    _drop(data)
    return {"said": said}


@answered("upload")
def lb_leave(data: dict[str, Any]) -> dict[str, Any]:
    """Forget the uploaded settings."""
    _drop(data)
    return {}


@answered("look")
def lb_cautions(data: dict[str, Any]) -> dict[str, Any]:
    """What a file of the project's settings in a form of KINDS cannot say."""
    kind = data.get("kind")
    if kind not in KINDS:
        raise RecipeError("There is no such form of settings.")
    if kind == "lorabake":
        return {"cautions": []}
    home = place().project(data.get("project"))
    recipe = read_chosen(home).recipe
    to: Literal["lets", "sd-scripts"] = "lets" if kind == "lets" else "sd-scripts"
    return {"cautions": _lines(cautions(recipe, to, _folders(home, recipe)))}


def nearest_preset(recipe: Recipe) -> str:
    """The preset that differs in the fewest settings, so that what is special about these shows."""
    return min(preset_names(), key=lambda name: len(differences(compose(name), recipe)))


def settings_file(project: str, kind: str) -> tuple[str, str]:
    """(file name, contents) of the project's settings in a form of KINDS."""
    if kind not in KINDS:
        raise RecipeError("There is no such form of settings.")
    home = place().project(project)
    recipe = read_chosen(home).recipe
    name = f"{slug(home.name, otherwise='settings')}{KINDS[kind]}.toml"
    if kind == "lorabake":
        return name, recipe_to_toml(recipe)
    folders = _folders(home, recipe)
    if kind == "lets":
        return name, write_lets(recipe, folders)
    return name, write_sd_scripts(recipe, folders)[kind == "sd-dataset"]


def _folders(project: Project, recipe: Recipe) -> list[FolderSettings] | None:
    """The project's folders; None where the file these settings came from names its own."""
    if recipe.kept:
        return None
    return [
        FolderSettings(concept.folder.name, str(concept.folder), concept.repeats, concept.settings)
        for concept in place().shelf(project.name).dataset.concepts
    ]


def _read(data: dict[str, Any]) -> tuple[str, Imported]:
    """What was uploaded: one file, or the two of sd-scripts."""
    folder = batch_folder(text(data, "batch", limit=80))
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise RecipeError("Nothing arrived. Choose the file once more.")
    loras = [path for path in files if path.suffix.lower() == ".safetensors"]
    if len(files) > 2 or (loras and len(files) > 1):
        raise RecipeError("Choose one settings file, the two of sd-scripts, or one LoRA.")
    if loras:
        return loras[0].name, read_settings(notes_alone(loras[0]))
    names = " and ".join(path.name for path in files)
    other = files[1] if len(files) == 2 else None
    return names, read_settings(files[0], files[0].name, dataset=other)


def notes_alone(path: Path) -> Path:
    """A safetensors file with the notes of one whose header alone was sent, and no tensors."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = file.read(length) if 2 <= length <= MAX_HEADER else b""
    try:
        told = json.loads(header) if len(header) == length else None
    except (ValueError, RecursionError):
        told = None
    notes = told.get("__metadata__", {}) if isinstance(told, dict) else None
    if not isinstance(notes, dict):
        raise RecipeError(f"{path.name} is no safetensors file, or it is damaged.")
    body = json.dumps({"__metadata__": notes}).encode()
    folder = path.parent.with_suffix(".notes")
    folder.mkdir(exist_ok=True, mode=0o700)
    alone = folder / path.name
    alone.write_bytes(struct.pack("<Q", len(body)) + body)
    return alone


def _at_home(project: Project, recipe: Recipe, before: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe with models of this computer; what is not here stays as it was, and is told."""
    missing = []
    workspace = place().workspace
    for key, label, find in (
        ("base", "base model", resolve_base),
        ("vae", "VAE", resolve_vae),
    ):
        name, own = getattr(recipe.model, key), getattr(before.model, key)
        try:
            if name:
                find(workspace, name)
            elif key == "base":
                recipe = with_setting(recipe, "model.base", own)
        except LorabakeError:
            missing.append(f"{name}: this {label} is not on this computer; yours stays chosen")
            recipe = with_setting(recipe, f"model.{key}", own)
    start = recipe.network.network_weights
    if start and start not in dict(_starts(project, before)):
        missing.append(f"{start}: this LoRA to start from is not in the project or models folder")
        recipe = with_setting(recipe, "network.network_weights", "")
    return recipe, missing


def _starts(project: Project, before: Recipe) -> list[tuple[str, str]]:
    clean = replace(before, network=replace(before.network, network_weights=""))
    return found_choices(project, clean)["network.network_weights"]


def _matching(project: Project, folders: list[FolderSettings]) -> list[FolderSettings]:
    """Those of the file's folders that this project has under the same name or trigger."""
    concepts = place().shelf(project.name).dataset.concepts
    known = {concept.folder.name for concept in concepts} | {c.trigger for c in concepts} - {""}
    return [
        folder
        for folder in folders
        if folder.name in known or folder.name.partition("_")[2] in known
    ]


def _lines(lines: list[str]) -> list[str]:
    shown = [line[:MAX_LINE] for line in lines[:MAX_LINES]]
    return shown + ([f"… and {len(lines) - MAX_LINES} more."] if len(lines) > MAX_LINES else [])


def _drop(data: dict[str, Any]) -> None:
    folder = batch_folder(text(data, "batch", limit=80))
    for one in (folder, folder.with_suffix(".notes")):
        shutil.rmtree(one, ignore_errors=True)
