"""What an operation does to files: new contents, and new names.

New contents lie beside their files, on the disk for good, before the first file is replaced: so a
power cut leaves every file wholly old or wholly new.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from lorabake.core.errors import DatasetError
from lorabake.core.files import disk_full_as_sentence, fault, replace, sync_folder
from lorabake.core.names import shown

NOTEBOOK = ".lorabake"
MAX_FILE = 1024 * 1024  # bytes; what is larger is no caption
_FEW = 32  # files that are changed one by one; more are synced and renamed together
_THREADS = 4
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe with the name of a caption must not hang us
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Write:
    """New contents of one file. path: POSIX text below the data set; None: there is no such file."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Move:
    """A new name of one file; both are POSIX text below the data set."""

    source: str
    target: str


Change = Write | Move


class Files:
    """The files of a data set, for the time of one operation: folders are looked at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, str] = {}
        self._devices: dict[str, int] = {}

    def place(self, path: str) -> str:
        """The real path; DatasetError for one that leaves the data set, or lies behind a link."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._folder(folder)
        if name in ("", ".", "..") or _no_name(name):
            raise _outside(path)
        return f"{self._folders[folder]}{name}"

    def content(self, path: str) -> tuple[bytes | None, int | None]:
        """Its bytes and its permission bits; None when there is no such file."""
        place = self.place(path)
        try:
            handle = os.open(place, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise DatasetError(f"{shown(path)} is no ordinary file. Put a real file there.")
            content = os.read(handle, MAX_FILE + 1)
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            os.close(handle)
        if len(content) > MAX_FILE:
            raise DatasetError(f"{shown(path)} is too large for a caption. Shorten it.")
        return content, stat.S_IMODE(mode)

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.place(path))

    def same_device(self, one: str, other: str) -> bool:
        """Can a file be renamed from the folder of the one into the folder of the other?"""
        return self._device(one) == self._device(other)

    def folders(self, paths: Iterable[str]) -> list[Path]:
        """The folders these files lie in."""
        return [Path(self.place(f"{name}x")).parent for name in sorted({_above(p) for p in paths})]

    def _device(self, path: str) -> int:
        folder = _above(path)
        if folder not in self._devices:
            try:
                self._devices[folder] = (self.root / folder).stat().st_dev
            except OSError:
                self._devices[folder] = -1
        return self._devices[folder]

    def _folder(self, folder: str) -> str:
        here = self.root
        parts = PurePosixPath(folder).parts
        if "/".join(parts) != folder:
            raise _outside(folder)
        for name in parts:
            if name in (".", "..") or name.casefold() == NOTEBOOK or _no_name(name):
                raise _outside(folder)
            here = here / name
            try:
                is_link = here.is_symlink() or getattr(here, "is_junction", bool)()
            except OSError as error:  # longer than any path may be
                raise _unreadable(folder, error) from error
            if is_link:
                raise DatasetError(
                    f"{shown(folder)} is a link to another place, and links are not written "
                    "through. Put the real folder there."
                )
        return f"{here}{os.sep}"


class Prepared:
    """New contents of many files, written aside and waiting to take their places."""

    def __init__(self, files: Files, contents: Mapping[str, tuple[bytes | None, int | None]]):
        """contents: path → (bytes or None for no file, permission bits or None for the usual)."""
        self._files = files
        self._token = f"{os.getpid()}-{secrets.token_hex(4)}.tmp"  # swept when this process dies
        self._few = len(contents) <= _FEW
        self._asides = [
            files.root / NOTEBOOK / f".new.{number}.{self._token}" for number in range(_THREADS)
        ]
        self._modes: int | None = None
        self._waiting: list[tuple[str, str, str | None]] = []  # path, place, temporary
        try:
            with disk_full_as_sentence(files.root / "the captions"):
                self._write(contents)
        except BaseException:
            self.discard()
            raise

    def put_in_place(self) -> list[tuple[str, str]]:
        """Rename them all; the paths that could not be replaced, each with a sentence."""
        if self._few:
            failed = [told for number in range(len(self._waiting)) if (told := self._put(number))]
        else:
            # A disk that frees what was replaced at once makes one wait; several wait together.
            with ThreadPoolExecutor(_THREADS) as threads:
                done = threads.map(self._put_each, range(_THREADS))
                failed = [told for part in done for told in part]
        fault("history_replaced")
        for folder in self._files.folders(path for path, _, _ in self._waiting):
            with suppress(OSError):
                sync_folder(folder)
        self._waiting = []
        self.discard()
        return failed

    def discard(self) -> None:
        for _, _, temporary in self._waiting:
            if temporary is not None:
                with suppress(OSError):
                    Path(temporary).unlink()
        self._waiting = []
        if not self._few:
            for aside in self._asides:
                with suppress(OSError):
                    aside.rmdir()

    def _put_each(self, first: int) -> list[tuple[str, str]]:
        numbers = range(first, len(self._waiting), _THREADS)
        return [told for number in numbers if (told := self._put(number))]

    def _put(self, number: int) -> tuple[str, str] | None:
        fault(f"history_file_{number}")
        path, place, temporary = self._waiting[number]
        try:
            if temporary is None:
                Path(place).unlink(missing_ok=True)
            else:
                swap(temporary, place)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    Path(temporary).unlink()
            return path, _unwritable(path, error)
        return None

    def _write(self, contents: Mapping[str, tuple[bytes | None, int | None]]) -> None:
        filled = []
        for number, (path, (content, mode)) in enumerate(contents.items()):
            temporary = None if content is None else self._temporary(path, number)
            self._waiting.append((path, self._files.place(path), temporary))
            if content is not None and temporary is not None:
                filled.append((path, temporary, content, mode))
        if self._few:
            for one in filled:
                self._fill(*one)
            return
        for aside in self._asides:
            aside.mkdir()
        # Some disks take long to find room for a new file; then they wait for several at once.
        with ThreadPoolExecutor(_THREADS) as threads:
            parts = [filled[first::_THREADS] for first in range(_THREADS)]
            list(threads.map(self._fill_each, parts))
        _sync_together([temporary for _, temporary, _, _ in filled])

    def _fill_each(self, files: list[tuple[str, str, bytes, int | None]]) -> None:
        for one in files:
            self._fill(*one)

    def _fill(self, path: str, temporary: str, content: bytes, mode: int | None) -> None:
        try:
            handle = os.open(temporary, _CREATE, 0o666)
        except (FileNotFoundError, PermissionError) as error:
            raise DatasetError(_unwritable(path, error)) from error
        try:
            self._with_mode(handle, mode)
            _write_all(handle, content)
            if self._few:
                os.fsync(handle)
        finally:
            os.close(handle)

    def _temporary(self, path: str, number: int) -> str:
        """Beside the file with a short name, for which there is room wherever there was for its own.

        Many go to folders of their own, one for each thread: a folder in which as many files were
        just replaced is slow to take new ones (ext4 without a journal looks at every file number
        freed lately).
        """
        if not self._few and self._files.same_device(path, f"{NOTEBOOK}/"):
            return f"{self._asides[number % _THREADS]}{os.sep}{number}"
        return self._files.place(f"{_above(path)}.{number}.{self._token}")

    def _with_mode(self, handle: int, mode: int | None) -> None:
        if self._modes is None:
            self._modes = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode is not None and mode != self._modes and hasattr(os, "fchmod"):
            with suppress(OSError):
                os.fchmod(handle, mode)


def swap(source: str, target: str) -> None:
    """Rename, over what may be there."""
    try:
        os.replace(source, target)  # noqa: PTH105 - making two Paths takes longer than this
    except PermissionError:
        replace(Path(source), Path(target))


def _write_all(handle: int, content: bytes) -> None:
    written = os.write(handle, content)
    while written < len(content):
        written += os.write(handle, content[written:])


def _sync_together(places: list[str]) -> None:
    """Make many files survive a power cut: one call where the system has it, else in threads."""
    if not places:
        return
    handle = os.open(places[0], os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        if _syncfs(handle):
            return
    finally:
        os.close(handle)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(_sync, places))


def _syncfs(handle: int) -> bool:
    """Linux: everything of the file system that the open file lies on."""
    if not sys.platform.startswith("linux"):
        return False
    return _libc() is not None and _libc().syncfs(handle) == 0


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _sync(place: str) -> None:
    handle = os.open(place, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def checked(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes that change something; ValueError when two are about one file."""
    seen: set[str] = set()
    targets: set[str] = set()
    for change in changes:
        path = change.source if isinstance(change, Move) else change.path
        if path in seen or (isinstance(change, Move) and change.target in targets):
            raise ValueError(f"two changes of {path} in one operation")
        seen.add(path)
        if isinstance(change, Move):
            targets.add(change.target)
            if change.source != change.target:
                yield change
        elif change.before != change.after:
            yield change


def _above(path: str) -> str:
    """`5_kafka/a.txt` → `5_kafka/`, `a.txt` → ""."""
    return path[: path.rfind("/") + 1]


def _no_name(name: str) -> bool:
    """Can no file be called so here? Half letters are none, unless they stand for odd bytes of a name."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return True
    return "\0" in name or (sys.platform == "win32" and _odd(name))


def _odd(name: str) -> bool:
    return any(letter in name for letter in '\\:*?"<>|')


def _outside(path: str) -> DatasetError:
    return DatasetError(f"{shown(path)} is no file of this data set.")


def _unreadable(path: str, error: OSError) -> DatasetError:
    if error.errno == errno.ELOOP:
        return DatasetError(
            f"{shown(path)} is a link to another place, and links are not written through. "
            "Replace it by a real file."
        )
    return DatasetError(
        f"{shown(path)} cannot be read ({error.strerror}). Look at its permissions."
    )


def _unwritable(path: str, error: OSError) -> str:
    return (
        f"{shown(path)} could not be written ({error.strerror}). "
        "Close the program that holds it, or look at its permissions."
    )
