"""Where finished files go: folders of web UIs, found or named by the user; put there, taken back.

Nothing is ever written over. A file that is there already with the same bytes is left as it is.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.files import (
    MIB,
    atomic_write_json,
    disk_full_as_sentence,
    read_json,
    sha256_of,
    sync_folder,
    temporary_beside,
)
from lorabake.core.home import expanded
from lorabake.core.names import name_key
from lorabake.core.run import Run
from lorabake.core.workspace import Project, Workspace
from lorabake.engine.shelf import lora_places

OUTPUTS = "outputs"  # in the workspace, where no web UI was found
_CHOSEN = "handover.json"


@dataclass(frozen=True)
class Folder:
    """A folder that can be chosen. label: the program that looks there."""

    path: Path
    label: str


@dataclass(frozen=True)
class Placed:
    """A file that was put somewhere. new: False when the same bytes were there already."""

    path: Path
    sha256: str
    new: bool


def folders(workspace: Workspace) -> list[Folder]:
    """What to offer: the one chosen last first, web UIs' folders, and always the workspace's own."""
    found = [Folder(place.root, place.label) for place in lora_places(workspace)]
    found.append(Folder(workspace.root / OUTPUTS, "Workspace"))
    chosen = _read(workspace)
    mine = next((folder for folder in found if str(folder.path) == chosen), None)
    if mine is None and chosen and Path(chosen).is_dir():
        mine = Folder(Path(chosen), "Your folder")
    return ([mine] if mine else []) + [folder for folder in found if folder != mine]


def folder_of(workspace: Workspace, path: str) -> Path:
    """One of those that are offered; refuses every other."""
    for folder in folders(workspace):
        if str(folder.path) == path:
            return folder.path
    raise WorkspaceError("This folder is not on the list any more. Choose the folder again.")


def remember_folder(workspace: Workspace, folder: Path) -> Path:
    """Offer this folder first from now on; WorkspaceError when it is none."""
    folder = expanded(folder)
    if folder != workspace.root / OUTPUTS and not (folder.is_absolute() and folder.is_dir()):
        raise WorkspaceError(
            f"There is no folder {str(folder)[:200]}. Give the full path of the folder in which "
            "your web UI looks for LoRAs."
        )
    atomic_write_json(workspace.root / _CHOSEN, {"format": 1, "folder": str(folder)})
    return folder


@contextmanager
def workroom(run: Run) -> Iterator[Path]:
    """A folder in the run's for files until they are put in place; swept when a kill left it."""
    room = temporary_beside(run.folder / "handover")
    room.mkdir()
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def put(made: Mapping[str, Path], folder: Path) -> list[Placed]:
    """Copy files into a folder under these names, all or none.

    Raises WorkspaceError, with nothing done, when one of the names is taken by other content.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be made ({error.strerror}). Choose another folder."
        ) from error
    hashes = {name: sha256_of(path) for name, path in made.items()}
    for name, digest in hashes.items():
        _refuse_taken(folder, name, digest)
    placed: list[Placed] = []
    try:
        for name, path in made.items():
            placed.append(_put(path, folder / name, hashes[name]))
    except BaseException:
        for one in placed:
            if one.new:
                one.path.unlink(missing_ok=True)
        raise
    return placed


def take_back(project: Project, placed: Sequence[Placed]) -> list[Path]:
    """Move what was put somewhere into the project's trash; what changed since stays where it is.

    Returns the files that went.
    """
    going = [one for one in placed if one.new and _is_still(one)]
    if not going:
        return []
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    trash = project.trash_dir / f"handed-over-{stamp}"
    trash.mkdir(parents=True)
    for one in going:
        with disk_full_as_sentence(trash / one.path.name):
            shutil.move(one.path, trash / one.path.name)
        sync_folder(one.path.parent)
    return [one.path for one in going]


def _is_still(placed: Placed) -> bool:
    try:
        return not placed.path.is_symlink() and sha256_of(placed.path) == placed.sha256
    except OSError:
        return False


def _refuse_taken(folder: Path, name: str, digest: str) -> None:
    """Also when only the case differs: on Windows and macOS that is the same file."""
    with os.scandir(folder) as entries:
        same = [entry.name for entry in entries if name_key(entry.name) == name_key(name)]
    if same and not (same == [name] and _is_still(Placed(folder / name, digest, new=False))):
        raise WorkspaceError(
            f"There is already another {same[0]} in {folder}, and it was left as it is. "
            "Choose another name."
        )


def _put(source: Path, target: Path, digest: str) -> Placed:
    if target.exists():
        return Placed(target, digest, new=False)
    temporary = temporary_beside(target)
    try:
        with disk_full_as_sentence(target):
            _require_room(source, target)
            shutil.copyfile(source, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        if sha256_of(temporary) != digest:
            raise WorkspaceError(
                f"{target.name} does not read back as it was written: the disk may be failing. "
                "Choose another folder."
            )
        _claim(temporary, target)
        sync_folder(target.parent)
    except OSError as error:
        raise WorkspaceError(
            f"{target.name} could not be written to {target.parent} ({error.strerror}). "
            "Choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Placed(target, digest, new=True)


def _claim(temporary: Path, target: Path) -> None:
    """Give a file its name unless somebody has it by now; some disks know no links."""
    taken = (
        f"There is already another {target.name}, and it was left as it is. Choose another name."
    )
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise WorkspaceError(taken) from None
    except OSError:
        if target.exists():
            raise WorkspaceError(taken) from None
        temporary.rename(target)


def _require_room(source: Path, target: Path) -> None:
    needed, free = source.stat().st_size, shutil.disk_usage(target.parent).free
    if needed > free:
        raise WorkspaceError(
            f"{target.name} needs {needed // MIB + 1} MiB and {target.parent} has {free // MIB}. "
            "Free some space, or choose another folder."
        )


def _read(workspace: Workspace) -> str:
    with suppress(OSError, LorabakeError):
        record = read_json(workspace.root / _CHOSEN)
        if isinstance(record, dict) and isinstance(record.get("folder"), str):
            return str(record["folder"])
    return ""
