"""The bin of a project: what lies in it, back to where it was, and away for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorabake.core.errors import DatasetError, LorabakeError
from lorabake.core.image import is_picture_name
from lorabake.core.names import shown
from lorabake.core.pictures import BIN, binned, empty_bin, restore
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered
from lorabake.ui.editing import told
from lorabake.ui.place import place
from lorabake.ui.words import plural

MAX_SHOWN = 5000
MAX_NAME = 1000


@answered("look")
def lb_bin(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {count, size in MiB, pictures: [[key, name, folder, MiB, time]]}, the last first."""
    project = place().project(data.get("project"))
    found = binned(project.dataset_dir)
    home = project.dataset_dir / BIN
    return {
        "count": len(found),
        "size": sum(one.size for one in found) / 2**20,
        "pictures": [
            [
                one.path.relative_to(home).as_posix(),
                one.name,
                one.folder,
                one.size / 2**20,
                one.time,
            ]
            for one in found[:MAX_SHOWN]
        ],
    }


@answered("own")
def lb_bin_restore(data: dict[str, Any]) -> dict[str, Any]:
    """{project, keys: of `lb_bin`, or all: true} → what was done. One step that can be undone."""
    project = place().project(data.get("project"))
    root = project.dataset_dir
    if data.get("all") is True:
        paths = [one.path for one in binned(root)]
    else:
        listed = data.get("keys")
        keys = listed[:MAX_SHOWN] if isinstance(listed, list) else []
        paths = [bin_path(project, key) for key in keys]
    if not paths:
        raise DatasetError("Choose what shall come back.")
    one = shown(paths[0].name) if len(paths) == 1 else plural(len(paths), "picture")
    outcome = restore(root, paths, f"Restore {one} from the bin")
    return {
        **told(project.name, outcome),
        "said": f"Restored {one}." if outcome.operation else "Nothing was restored.",
        "operations": [outcome.operation.id] if outcome.operation else [],
    }


@answered("own")
def lb_bin_empty(data: dict[str, Any]) -> dict[str, Any]:
    """{project, count: that the person was told}: delete for good. The page has asked first."""
    project = place().project(data.get("project"))
    there = len(binned(project.dataset_dir))
    if data.get("count") != there:
        raise DatasetError(
            f"There are {plural(there, 'picture')} in the bin by now. Look at them first."
        )
    count = empty_bin(project.dataset_dir)
    return {"said": f"{plural(count, 'picture')} deleted for good."}


def bin_path(project: Project, key: object) -> Path:
    """The file in the bin that a key names; nothing outside of it."""
    fits = isinstance(key, str) and len(key) <= MAX_NAME and "\0" not in key
    parts = Path(str(key)).parts if fits else ()
    home = project.dataset_dir / BIN
    path = home.joinpath(*parts)
    if (
        not parts
        or ".." in parts
        or Path(*parts).is_absolute()
        or not is_picture_name(path.name)
        or not path.is_file()
        or not path.resolve().is_relative_to(home.resolve())
    ):
        raise DatasetError("This picture is no longer in the bin.")
    return path


def bin_thumbnail(project: str, key: str, side: int) -> Path:
    """A small copy of a picture in the bin."""
    if not project:
        raise LorabakeError("Choose a project first.")
    return place().index.thumbnail(bin_path(place().project(project), key), side)


CALLS = (lb_bin, lb_bin_restore, lb_bin_empty)
