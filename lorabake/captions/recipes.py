"""Named sets of operations: files in the workspace's `tag-recipes`, for any project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lorabake.captions.settings import ProcessSettings
from lorabake.core.errors import RecipeError
from lorabake.core.files import TrashEntry, atomic_write_text, move_to_trash
from lorabake.core.names import is_safe_name, name_key, natural_key, safe_name, shown
from lorabake.core.registry import unknown_name
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.toml import dump_toml, parse_toml, read_toml
from lorabake.core.workspace import Workspace

FOLDER: Final = "tag-recipes"
SUFFIX: Final = ".toml"


def recipe_names(workspace: Workspace) -> tuple[str, ...]:
    """Of the saved ones, in alphabetical order."""
    folder = workspace.root / FOLDER
    found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
    names = [path.stem for path in found if path.is_file() and is_safe_name(path.stem)]
    return tuple(sorted(names, key=natural_key))


def save_recipe(workspace: Workspace, name: str, settings: ProcessSettings) -> str:
    """Save under a name, over an older one of that name; the name as it is on disk."""
    wanted = safe_name(name.strip().removesuffix(SUFFIX))
    # On some systems Tidy and tidy are one file; here they are one name everywhere.
    known = {name_key(other): other for other in recipe_names(workspace)}
    kept = known.get(name_key(wanted), wanted)
    text = dump_toml(to_mapping(settings))
    parse_toml(text, kept)  # what could not be read again is not written
    path = workspace.root / FOLDER / f"{kept}{SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    atomic_write_text(path, text)
    return kept


def load_recipe(workspace: Workspace, name: str) -> ProcessSettings:
    """RecipeError when there is none, or it cannot be read."""
    return read_recipe(_path(workspace, name))


def read_recipe(path: Path) -> ProcessSettings:
    """The set of operations in a file that somebody saved or wrote."""
    return from_mapping(ProcessSettings, read_toml(path))


def delete_recipe(workspace: Workspace, name: str) -> TrashEntry:
    """Into the trash; `core.files.restore` puts it back."""
    return move_to_trash(_path(workspace, name), workspace.trash_dir)


def _path(workspace: Workspace, name: str) -> Path:
    """Only what is in the folder can be named; a name is never made into a path unseen."""
    known = {name_key(other): other for other in recipe_names(workspace)}
    found = known.get(name_key(name.strip().removesuffix(SUFFIX)))
    if found is None:
        if not known:
            raise RecipeError("No set of operations is saved yet. Save one under a name first.")
        raise RecipeError(unknown_name("set of operations", shown(name), tuple(known.values())))
    return workspace.root / FOLDER / f"{found}{SUFFIX}"
