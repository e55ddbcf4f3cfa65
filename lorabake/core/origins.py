"""Where each tag of a picture comes from: a board, a tagger, or you.

`.lorabake/origins.jsonl` in a dataset's folder, one line a record, only ever added to. It knows
pictures by their content, so that renaming loses nothing; what it does not know is yours.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, get_args

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import MIB, atomic_write_bytes, disk_full_as_sentence
from lorabake.core.lock import FileLock
from lorabake.core.tags import tag_key

Origin = Literal["board", "tagger", "you"]
ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)
FOLDER = ".lorabake"
MAX_FILE = 256 * MIB
_MAX_LINE = MIB
_REWRITE = 8 * MIB  # a file larger than this, and four times what is needed, is written anew


class Origins:
    """The origins of one dataset. For any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._known: dict[str, dict[str, Origin]] = {}
        self._by: dict[str, dict[str, str]] = {}
        self._file = (0, 0)  # which file was read (inode), and how far

    @classmethod
    def open(cls, root: Path) -> Origins:
        """Of the dataset in this folder; nothing needs to be there yet. One for all who ask."""
        path = root.absolute() / FOLDER / "origins.jsonl"
        with _opening:
            return _opened.setdefault(path, cls(path))

    def record(self, sha: str, tags: Iterable[str], origin: Origin, by: str = "") -> None:
        """From now on, these tags of the picture with this sha256 come from there. by: who exactly."""
        self.record_many({sha: tags}, origin, by)

    def record_many(self, tags: Mapping[str, Iterable[str]], origin: Origin, by: str = "") -> None:
        """The same for many pictures, by sha256, in one go."""
        assert origin in ORIGINS, origin
        lines = [
            _line(sha, keys, origin, by)
            for sha, names in tags.items()
            if (keys := list(dict.fromkeys(map(tag_key, names))))
        ]
        if lines:
            self._append(b"".join(lines))

    def of(self, sha: str, tags: Sequence[str]) -> list[Origin]:
        """The origin of each tag; "you" for those that nobody recorded."""
        with self._guard:
            self._read()
            known = self._known.get(sha, {})
            return (
                [known.get(tag_key(tag), "you") for tag in tags] if known else ["you"] * len(tags)
            )

    def by(self, sha: str, tag: str) -> str:
        """Which board or tagger it was; "" when that is not known."""
        with self._guard:
            self._read()
            return self._by.get(sha, {}).get(tag_key(tag), "")

    def _append(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (
            self._guard,
            FileLock(self.path.with_suffix(".lock")),
            disk_full_as_sentence(self.path),
        ):
            self._shorten()
            with self.path.open("ab", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                # A killed writer may have left half a line: it stays by itself, and is not read.
                whole = data if end == 0 or _ends_a_line(self.path) else b"\n" + data
                try:
                    _write_all(file.fileno(), whole)
                except OSError:
                    with suppress(OSError):
                        file.truncate(end)
                    raise

    def _read(self) -> None:
        """What was added since the last look, by anybody."""
        try:
            found = self.path.stat()
        except OSError:
            self._forget()
            return
        inode, offset = self._file
        if found.st_ino != inode or found.st_size < offset:
            self._forget()
            offset = 0
        if found.st_size == offset:
            return
        with self.path.open("rb") as file:
            file.seek(offset)
            whole, newline, _ = file.read(MAX_FILE).rpartition(b"\n")
        for line in whole.split(b"\n"):
            self._take(line)
        self._file = (found.st_ino, offset + len(whole) + len(newline))

    def _forget(self) -> None:
        self._known, self._by, self._file = {}, {}, (0, 0)

    def _take(self, line: bytes) -> None:
        """One record; a damaged line is left out."""
        if not line or len(line) > _MAX_LINE:
            return
        try:
            record = json.loads(line)
            sha, tags, origin, by = record["sha"], record["tags"], record["from"], record["by"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if not (isinstance(sha, str) and isinstance(tags, list) and isinstance(by, str)):
            return
        keys = [tag for tag in tags if isinstance(tag, str)]
        if origin in ORIGINS:
            self._known.setdefault(sha, {}).update(dict.fromkeys(keys, origin))
            self._by.setdefault(sha, {}).update(dict.fromkeys(keys, by))

    def _shorten(self) -> None:
        """Write the file anew when most of it has been overruled. The lock is held."""
        with suppress(OSError):
            if self.path.stat().st_size <= _REWRITE:
                return
            self._read()
            needed = b"".join(self._lines())
            if len(needed) * 4 < self.path.stat().st_size:
                with suppress(WorkspaceError):
                    atomic_write_bytes(self.path, needed)
                self._forget()

    def _lines(self) -> Iterable[bytes]:
        for sha, origins in self._known.items():
            groups: dict[tuple[Origin, str], list[str]] = {}
            for tag, origin in origins.items():
                groups.setdefault((origin, self._by[sha].get(tag, "")), []).append(tag)
            for (origin, by), tags in groups.items():
                yield _line(sha, tags, origin, by)


_opened: dict[Path, Origins] = {}
_opening = threading.Lock()


def _line(sha: str, keys: Sequence[str], origin: Origin, by: str) -> bytes:
    record = {"sha": sha, "tags": keys, "from": origin, "by": by}
    return json.dumps(record).encode() + b"\n"


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
