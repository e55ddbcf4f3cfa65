"""The SQLite index: what can be computed again. It may be deleted at any time.

Only this module knows SQL. When the file is damaged it is put aside and begun anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lorabake.core import image
from lorabake.core.database import migrate, put_aside
from lorabake.core.errors import ImageError
from lorabake.core.files import atomic_write_bytes
from lorabake.core.image import THUMBNAIL_SIDE, ImageInfo

T = TypeVar("T")

# Numbered: the file remembers how many it has had. Only ever add to the end.
MIGRATIONS = (
    """
    CREATE TABLE pictures (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL,
        sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        format TEXT NOT NULL, frames INTEGER NOT NULL, mode TEXT NOT NULL, notes TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE taggers (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        labels BLOB NOT NULL, used REAL NOT NULL
    )
    """,
    """
    CREATE TABLE scores (
        tagger INTEGER NOT NULL, sha256 BLOB NOT NULL, found BLOB NOT NULL,
        UNIQUE (tagger, sha256)
    )
    """,
    """
    CREATE TABLE facts (
        kind TEXT NOT NULL, sha256 BLOB NOT NULL, found BLOB NOT NULL, PRIMARY KEY (kind, sha256)
    )
    """,
)
_AT_ONCE = 500  # variables in one question; old SQLites allow 999
_BUSY = 5.0  # seconds to wait for another process that writes


class Index:
    """Facts about picture files, kept by (path, size, time of change); by content: thumbnails and
    what taggers said of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.thumbnails = path.parent / "thumbnails"
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None

    def probe_many(
        self,
        paths: Sequence[Path],
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[ImageInfo | ImageError]:
        """As core.image.probe_many, but only new and changed files are opened."""
        stamps = {path: _stamp(path) for path in paths}
        known = self._known(stamps)
        new = [path for path in paths if path not in known]
        found = dict(zip(new, image.probe_many(new, on_progress=on_progress), strict=True))
        self._remember(
            {path: info for path, info in found.items() if isinstance(info, ImageInfo)}, stamps
        )
        return [known[path] if path in known else found[path] for path in paths]

    def probe(self, path: Path) -> ImageInfo:
        info = self.probe_many([path])[0]
        if isinstance(info, ImageError):
            raise info
        return info

    def thumbnail(self, path: Path, side: int = THUMBNAIL_SIDE) -> Path:
        """A WebP file with at most `side` px a side; its name never means another picture."""
        name = f"{self.probe(path).sha256}-{side}.webp"
        small = self.thumbnails / name[:2] / name
        if not small.exists():
            data = image.thumbnail(path, side)
            small.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_bytes(small, data)
        return small

    def keep_tagger(self, key: str, name: str, labels: Sequence[tuple[str, str]]) -> None:
        """Remember a tagger's list (names and categories), and that it was used just now."""
        packed = zlib.compress(json.dumps(labels).encode())

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute(
                    "INSERT INTO taggers (key, name, labels, used) VALUES (?,?,?,?)"
                    " ON CONFLICT (key) DO UPDATE SET name = excluded.name,"
                    " labels = excluded.labels, used = excluded.used",
                    (key, name, packed, time.time()),
                )

        self._do(write, None)

    def taggers(self) -> list[tuple[str, str]]:
        """(key, name) of those that probabilities may be kept of, the last used first."""
        question = "SELECT key, name FROM taggers ORDER BY used DESC, id DESC"
        return self._do(lambda database: database.execute(question).fetchall(), [])

    def tagger_labels(self, key: str) -> list[tuple[str, str]]:
        """(name, category) by position in the tagger's list; [] when it is not known."""

        def look(database: sqlite3.Connection) -> list[tuple[str, str]]:
            row = database.execute("SELECT labels FROM taggers WHERE key = ?", (key,)).fetchone()
            if row is None:
                return []
            return [(str(name), str(category)) for name, category in _unpacked(row[0])]

        return self._do(look, [])

    def keep_scores(self, tagger: str, found: Mapping[str, bytes]) -> bool:
        """Keep what a tagger said of pictures (by sha256); False when it could not be written."""
        rows = [(bytes.fromhex(sha), data, tagger) for sha, data in found.items()]

        def write(database: sqlite3.Connection) -> bool:
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO scores SELECT id, ?, ? FROM taggers WHERE key = ?", rows
                )
            return True

        return self._do(write, False)

    def scores(self, tagger: str, shas: Iterable[str]) -> dict[str, bytes]:
        """What `keep_scores` was given, for those of these pictures that have it."""
        question = (
            "SELECT sha256, found FROM scores"
            " WHERE tagger = (SELECT id FROM taggers WHERE key = ?) AND sha256 IN "
        )
        return self._by_content(question, tagger, shas)

    def keep_facts(self, kind: str, found: Mapping[str, bytes]) -> bool:
        """Keep what was computed from pictures (by sha256); False when it could not be written.

        kind: what it is, with a number that changes with the way it is computed ("blur-2").
        """
        rows = [(kind, bytes.fromhex(sha), data) for sha, data in found.items()]

        def write(database: sqlite3.Connection) -> bool:
            with database:
                database.executemany("INSERT OR REPLACE INTO facts VALUES (?,?,?)", rows)
            return True

        return self._do(write, False)

    def facts(self, kind: str, shas: Iterable[str]) -> dict[str, bytes]:
        """What `keep_facts` was given, for those of these pictures that have it."""
        question = "SELECT sha256, found FROM facts WHERE kind = ? AND sha256 IN "
        return self._by_content(question, kind, shas)

    def _by_content(self, question: str, key: str, shas: Iterable[str]) -> dict[str, bytes]:
        wanted = [bytes.fromhex(sha) for sha in dict.fromkeys(shas)]

        def look(database: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                rows = database.execute(f"{question} ({','.join('?' * len(some))})", (key, *some))
                found |= {sha.hex(): data for sha, data in rows}
            return found

        return self._do(look, {})

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _known(self, stamps: Mapping[Path, tuple[int, int] | None]) -> dict[Path, ImageInfo]:
        def look(database: sqlite3.Connection) -> dict[Path, ImageInfo]:
            known = {}
            for path, stamp in stamps.items():
                row = (
                    stamp
                    and database.execute(
                        "SELECT width, height, format, frames, mode, notes, sha256 FROM pictures"
                        " WHERE path = ? AND size = ? AND changed = ?",
                        (_key(path), *stamp),
                    ).fetchone()
                )
                if row:
                    known[path] = _info(row)
            return known

        return self._do(look, {})

    def _remember(
        self, infos: Mapping[Path, ImageInfo], stamps: Mapping[Path, tuple[int, int] | None]
    ) -> None:
        # A file that changed while it was read is not remembered.
        rows = [
            (
                *(_key(path), *(stamps[path] or (0, 0)), info.sha256, info.width, info.height),
                *(info.format, info.frames, info.mode, json.dumps(info.notes)),
            )
            for path, info in infos.items()
            if stamps[path] and stamps[path] == _stamp(path)
        ]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO pictures VALUES (?,?,?,?,?,?,?,?,?,?)", rows
                )

        if rows:
            self._do(write, None)

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Run it; a damaged file is begun anew once, and a cache that cannot be used is no error."""
        with self._lock:
            for _ in range(2):
                try:
                    if self._database is None:
                        self._database = _open(self.path)
                    return work(self._database)
                except (sqlite3.DatabaseError, ValueError) as error:
                    if _is_passing(error):
                        return otherwise
                    self.close()
                    put_aside(self.path)
            return otherwise


def _info(row: tuple[int, int, str, int, str, str, str]) -> ImageInfo:
    width, height, kind, frames, mode, notes, sha256 = row
    return ImageInfo(width, height, kind, frames, mode, tuple(json.loads(notes)), sha256)


def _unpacked(data: bytes) -> list[Any]:
    """A list that was kept; ValueError when it is damaged."""
    try:
        pairs = json.loads(zlib.decompress(data))
    except zlib.error as error:
        raise ValueError("a kept list is damaged") from error
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise ValueError("a kept list is damaged")
    return pairs


def _is_passing(error: Exception) -> bool:
    """Locked, not to be written, no room: nothing is wrong with the file. Wrong tables are."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR


def _key(path: Path) -> str:
    return os.fsencode(path.absolute()).hex() if _odd(path) else str(path.absolute())


def _odd(path: Path) -> bool:
    """File names that are not text (bytes from an old system) cannot go into SQLite as they are."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check found damage")
        database.isolation_level = None
        migrate(database, [(statement,) for statement in MIGRATIONS])
        database.isolation_level = "DEFERRED"
    except BaseException:
        database.close()
        raise
    return database
