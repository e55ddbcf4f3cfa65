"""Writing so that nothing is ever half there, and deleting so that it can be undone."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import DiskFull, WorkspaceError
from lorabake.core.process import process_started

MIB = 1024 * 1024
FAULT_VARIABLE = "LORABAKE_FAULT"
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
MAX_DIGITS = 60  # of a whole number in JSON; seeds and hashes have 20
_DAY = 86_400.0


def fault(name: str) -> None:
    """A point where tests cut the power: the process ends here when the variable names the point."""
    if os.environ.get(FAULT_VARIABLE) == name:
        os._exit(137)


@contextmanager
def atomic_writer(path: Path, *, expected: int = 0) -> Iterator[Path]:
    """Gives a temporary path to write; afterwards `path` is wholly new, or wholly as it was.

    expected: bytes about to be written, if known; a disk that cannot take them is refused first.
    """
    if path.is_symlink():
        raise WorkspaceError(
            f"{path.name} is a link to another place, and links are not written through. "
            "Replace it by a real file."
        )
    temporary = temporary_beside(path)
    with _disk_full_as_sentence(path, expected):
        if expected > MIB:
            _require_space(path, expected)
        try:
            temporary.touch(exist_ok=False)
            fault("created")
            yield temporary
            fault("written")
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            fault("synced")
            with suppress(OSError):
                shutil.copymode(path, temporary)
            replace(temporary, path)
            fault("replaced")
            sync_folder(path.parent)
            fault("folder_synced")
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def atomic_write_bytes(path: Path, data: bytes) -> None:
    with atomic_writer(path, expected=len(data)) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()


def atomic_write_text(path: Path, text: str) -> None:
    """UTF-8, line endings exactly as they are in `text`."""
    atomic_write_bytes(path, text.encode("utf-8"))


def atomic_write_json(path: Path, value: object, *, limit: int = MIB) -> None:
    """limit: bytes that `read_json` would still read."""
    data = f"{json.dumps(value, ensure_ascii=True, indent=1, allow_nan=False)}\n".encode()
    if len(data) > limit:
        raise WorkspaceError(f"{path.name} would be larger than {limit // 1024} KiB. Shorten it.")
    atomic_write_bytes(path, data)


def read_json(path: Path, *, limit: int = MIB) -> object:
    """The JSON in a file; WorkspaceError when it is too large or is not JSON, OSError when absent."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise WorkspaceError(
            f"{path.name} is larger than {limit // 1024} KiB. Delete or repair it."
        )
    try:
        return parse_json(data)
    except ValueError as error:
        raise WorkspaceError(f"{path.name} is damaged ({error}). Delete or repair it.") from error


def parse_json(data: bytes) -> Any:
    """JSON as our own files hold it; ValueError for anything else.

    Infinity, NaN and endless whole numbers, which Python reads and then cannot turn into an int or
    a float, are none of ours.
    """
    try:
        return json.loads(
            data, parse_int=_whole_number, parse_float=_real_number, parse_constant=_real_number
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _real_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number")
    return number


def replace(source: Path, target: Path) -> None:
    """os.replace; on Windows tried for 2 s, because virus scanners hold new files for a moment."""
    tries = 20 if sys.platform == "win32" else 1
    for left in reversed(range(tries)):
        try:
            Path(source).replace(target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(0.1)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut (Windows has no such call)."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):
            raise  # some network file systems cannot sync a folder; they did what they can
    finally:
        os.close(handle)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that `sweep_temporaries` removes once this process is gone."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def sweep_temporaries(folder: Path) -> int:
    """Remove what writers that died left in this folder; the number removed.

    A temporary file (or folder) whose writer is alive is kept, unless it is older than a day.
    """
    removed = 0
    for path in folder.glob(".*.tmp"):
        writer, _, token = path.name.removesuffix(".tmp").rpartition(".")[2].partition("-")
        if not (writer.isdecimal() and token):
            continue
        with suppress(OSError):
            alive = process_started(int(writer)) is not None
            if alive and time.time() - path.lstat().st_mtime < _DAY:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            removed += 1
    return removed


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def disk_full_as_sentence(path: Path) -> Iterator[None]:
    """Turns "no space left on device" into DiskFull, for writers that append."""
    with _disk_full_as_sentence(path, 0):
        yield


@contextmanager
def _disk_full_as_sentence(path: Path, expected: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFull(_full_sentence(path, expected)) from error


def _require_space(path: Path, expected: int) -> None:
    if shutil.disk_usage(path.parent).free < expected:
        raise DiskFull(_full_sentence(path, expected))


def _full_sentence(path: Path, expected: int) -> str:
    with suppress(OSError):
        free = shutil.disk_usage(path.parent).free
        lacking = max(expected - free, 0) // MIB + 1
        return (
            f"The disk is full: {path.name} could not be written to {path.parent} "
            f"({free // MIB} MiB free). Free at least {lacking} MiB and try again; "
            "nothing that was there is lost."
        )
    return f"The disk is full: {path.name} could not be written. Free some space and try again."


@dataclass(frozen=True)
class TrashEntry:
    """One deletion, which can be undone.

    folder: the entry's own folder in the trash; originals: where each thing was.
    """

    folder: Path
    originals: tuple[Path, ...]
    deleted: float

    def stored(self, number: int) -> Path:
        return self.folder / f"{number:04d}" / self.originals[number].name


def move_to_trash(paths: Path | Iterable[Path], trash_dir: Path) -> TrashEntry:
    """Move files or folders into the trash as one step that `restore` can undo.

    Everything must lie below the folder that holds `trash_dir`: places are kept relative to it, so
    a moved workspace can still undo, and an edited entry cannot write elsewhere.
    """
    chosen = (paths,) if isinstance(paths, Path) else tuple(paths)
    home = trash_dir.parent
    places = [_place_below(path, home) for path in chosen]
    for path in chosen:
        if not os.path.lexists(path):
            raise WorkspaceError(f"{path.name} is not there any more. Refresh the page.")
    folder = trash_dir / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    entry = TrashEntry(folder, chosen, time.time())
    record = {"format": 1, "deleted": entry.deleted, "places": places}
    atomic_write_json(folder / "entry.json", record)
    sync_folder(trash_dir)
    fault("trash_entry")
    for number, path in enumerate(chosen):
        stored = entry.stored(number)
        stored.parent.mkdir()
        _move(path, stored)
        fault("trash_moved")
    return entry


def restore(entry: TrashEntry) -> tuple[Path, ...]:
    """Put everything of a deletion back; refuses rather than overwrite what took its place."""
    waiting = [
        (entry.stored(number), original)
        for number, original in enumerate(entry.originals)
        if os.path.lexists(entry.stored(number))
    ]
    for _, original in waiting:
        if os.path.lexists(original):
            raise WorkspaceError(
                f"{original.name} exists again, so the deleted one was not put back over it. "
                "Rename or delete the new one first."
            )
    for stored, original in waiting:
        original.parent.mkdir(parents=True, exist_ok=True)
        _move(stored, original)
        fault("restore_moved")
    shutil.rmtree(entry.folder, ignore_errors=True)
    return tuple(original for _, original in waiting)


def list_trash(trash_dir: Path) -> list[TrashEntry]:
    """What can be undone, the newest first. Damaged entries are left alone and not listed."""
    entries = []
    for folder in trash_dir.iterdir() if trash_dir.is_dir() else ():
        with suppress(OSError, WorkspaceError, TypeError, KeyError, ValueError):
            record = read_json(folder / "entry.json")
            assert isinstance(record, dict)
            places = [str(place) for place in record["places"]]
            originals = tuple(_path_below(place, trash_dir.parent) for place in places)
            entry = TrashEntry(folder, originals, float(record["deleted"]))
            if any(os.path.lexists(entry.stored(number)) for number in range(len(originals))):
                entries.append(entry)
    return sorted(entries, key=lambda entry: (entry.deleted, entry.folder.name), reverse=True)


def _place_below(path: Path, home: Path) -> str:
    place = path.parent.resolve() / path.name
    if not place.is_relative_to(home.resolve()) or place == home.resolve():
        raise WorkspaceError(f"{path} lies outside of {home}, so it is not deleted from here.")
    return place.relative_to(home.resolve()).as_posix()


def _path_below(place: str, home: Path) -> Path:
    path = home / place
    if ".." in Path(place).parts or not path.parent.resolve().is_relative_to(home.resolve()):
        raise WorkspaceError(f"The trash names a place outside of {home}.")
    return path


def _move(source: Path, target: Path) -> None:
    """Rename, the folders synced on both sides; copies when the two are on different disks."""
    try:
        replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(source, target)
    sync_folder(target.parent)
    sync_folder(source.parent)
