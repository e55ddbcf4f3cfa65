"""Zip archives from strangers: looked at before anything is unpacked, and never believed.

Names in an archive are only names: nothing is written outside of the folder that is given.
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from lorabake.core.errors import DatasetError
from lorabake.core.files import MIB, disk_full_as_sentence
from lorabake.core.image import is_picture_name
from lorabake.core.names import free_name, shown, slug

MAX_ENTRIES: Final = 20_000
MAX_TOTAL: Final = 4 * 1024 * MIB  # bytes, unpacked
MAX_RATIO: Final = 100
MAX_PICTURE: Final = 256 * MIB
MAX_CAPTION: Final = 64 * 1024
MAX_DIRECTORY: Final = 16 * MIB  # bytes of the list of entries
CAPTIONS: Final = (".txt", ".caption")
_SMALL = 4 * MIB  # too little to be a bomb, however well it packs
_COPY = MIB


@dataclass(frozen=True)
class Unpacked:
    """One file of an archive. name: as it is shown; group: its folder in the archive."""

    path: Path
    name: str
    group: str


def unpack(archive: Path, target: Path, skip: Callable[[str, str], None]) -> Iterator[Unpacked]:
    """Pictures and captions of an archive, written below `target` one by one as they are asked for.

    skip: told name and sentence of whatever stays out. Raises DatasetError for an archive that is
    none, that is too large, or that would become a hundred times as large as it is.
    """
    _refuse_crowd(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _refuse_bomb(archive, entries)
            places = _Places(target)
            for entry in entries:
                reason = _why_not(entry)
                if reason is None:
                    continue
                name = PurePosixPath(entry.filename.replace("\\", "/")).name
                if reason:
                    skip(name, f"{shown(name)} {reason}")
                    continue
                group, path = places.of(entry.filename)
                try:
                    _write(opened, entry, path)
                except zipfile.BadZipFile:
                    path.unlink(missing_ok=True)
                    skip(name, f"{shown(name)} is damaged in the archive: pack it again.")
                    continue
                yield Unpacked(path, name, group)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError) as error:
        raise DatasetError(
            f"{shown(archive.name)} is no zip archive that can be read. Pack it again."
        ) from error


def is_zip_name(name: str) -> bool:
    return name.lower().endswith(".zip")


class _Places:
    """A folder for each folder of the archive, and a free name in it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._folders: dict[str, Path] = {}

    def of(self, filename: str) -> tuple[str, Path]:
        place = PurePosixPath(filename.replace("\\", "/"))
        group = place.parent.as_posix()
        if group not in self._folders:
            folder = self.target / f"{len(self._folders)}"
            folder.mkdir(parents=True)
            self._folders[group] = folder
        folder, suffix = self._folders[group], place.suffix.lower()
        name = f"{slug(place.stem)}{suffix}"
        if (folder / name).exists():
            name = (
                f"{free_name(slug(place.stem), (path.stem for path in folder.iterdir()))}{suffix}"
            )
        return group, folder / name


def _why_not(entry: zipfile.ZipInfo) -> str | None:
    """A reason as it reads on after the name; "" for what comes in, None for what nobody misses."""
    place = PurePosixPath(entry.filename.replace("\\", "/"))
    if (
        not entry.filename
        or entry.is_dir()
        or any(part.startswith((".", "__MACOSX")) for part in place.parts if part != "..")
    ):
        return None
    kind = stat.S_IFMT(entry.external_attr >> 16)
    caption = place.suffix.lower() in CAPTIONS
    if kind not in (0, stat.S_IFREG):
        return "is a link and no file, so it was left out."
    if not caption and not is_picture_name(place.name):
        return "was not added: only pictures (PNG, JPEG, WebP …) and captions (.txt) are."
    if entry.flag_bits & 1:
        return "is locked with a password: unpack the archive yourself and add the folder."
    if entry.file_size > (MAX_CAPTION if caption else MAX_PICTURE):
        return "is too large, so it was left out."
    if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
        return "would grow more than a hundred times, as only a trap does, so it was left out."
    return ""


def _refuse_bomb(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise _crowded(archive)
    total = sum(entry.file_size for entry in entries)
    if total > MAX_TOTAL:
        raise DatasetError(
            f"{shown(archive.name)} would need {total // MIB:,} MiB, more than "
            f"{MAX_TOTAL // MIB:,} MiB. Unpack it yourself, and add the pictures in parts."
        )
    if total > _SMALL and total > MAX_RATIO * archive.stat().st_size:
        raise DatasetError(
            f"{shown(archive.name)} would grow more than a hundred times, as only a trap does, "
            "so it was not opened."
        )


def _refuse_crowd(archive: Path) -> None:
    """Before the list of entries is read into memory: how long does it say it is?"""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557))
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) < at + 22:
            raise DatasetError(
                f"{shown(archive.name)} is no zip archive that can be read. Pack it again."
            )
        count, directory = struct.unpack_from("<HI", tail, at + 10)
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\6\7":
            file.seek(min(struct.unpack_from("<Q", tail, at - 12)[0], size))
            large = file.read(56)
            if len(large) == 56:
                count, directory = struct.unpack_from("<QQ", large, 32)
    if count > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise _crowded(archive)


def _crowded(archive: Path) -> DatasetError:
    return DatasetError(
        f"{shown(archive.name)} holds more than {MAX_ENTRIES:,} files. Pack fewer at once."
    )


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    left = entry.file_size
    with disk_full_as_sentence(path), path.open("xb") as target:
        for chunk in _pieces(opened, entry):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile("more than was announced")
            target.write(chunk)


def _pieces(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """What an entry unpacks to; BadZipFile for all that unpackers say of damage.

    OSError among it: of a place before the file's beginning, and what bzip2 says.
    """
    try:
        with opened.open(entry) as source:
            while chunk := source.read(_COPY):
                yield chunk
    except (
        *(OSError, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error),
        *(zlib.error, lzma.LZMAError),
    ) as error:
        raise zipfile.BadZipFile(str(error)) from error
