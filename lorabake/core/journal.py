"""The journal of a data set's history: which steps there were, and which one is under way.

Only this module knows its tables. A step is written here, and is on the disk, before it is done.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.author import author
from lorabake.core.database import NewerDatabase, migrate
from lorabake.core.errors import DiskFull, WorkspaceError
from lorabake.core.files import MIB

# Numbered: the file remembers how many it has had. Only ever add to the end.
MIGRATIONS = (
    (
        "CREATE TABLE operations (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,"
        " origin TEXT NOT NULL, began REAL NOT NULL, time REAL NOT NULL,"
        " count INTEGER NOT NULL, bytes INTEGER NOT NULL, typing INTEGER NOT NULL)",
        # target: the new name, for a move only. moment: of the step that led to this state.
        "CREATE TABLE changes (id INTEGER PRIMARY KEY, operation INTEGER NOT NULL,"
        " path BLOB NOT NULL, target BLOB, state INTEGER NOT NULL, moment INTEGER NOT NULL,"
        " before BLOB, after BLOB)",
        "CREATE INDEX changes_by_operation ON changes (state, operation)",
        "CREATE INDEX changes_by_moment ON changes (state, moment)",
        "CREATE INDEX changes_by_path ON changes (path)",
        "CREATE INDEX moves ON changes (operation) WHERE target IS NOT NULL",
        # The one step that is under way. phase: of moves. was: contents when typing was joined.
        "CREATE TABLE pending (moment INTEGER NOT NULL, phase INTEGER NOT NULL, was BLOB)",
        # A number that grows with every step.
        "CREATE TABLE clock (now INTEGER NOT NULL)",
        # Not from zero: a page that knew a history that was deleted must see another number.
        "INSERT INTO clock SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    ),
    # Who did it: "" for the owner of the computer.
    ("ALTER TABLE operations ADD COLUMN author TEXT NOT NULL DEFAULT ''",),
)
_BUSY = 10.0  # seconds to wait for another process that writes

# What became of a file in a step: done, undone with the whole step, undone for this file alone.
DONE, UNDONE, UNDONE_ALONE = 0, 1, 2


@dataclass(frozen=True)
class Operation:
    """One step that can be undone. time: seconds since 1970; count: files it changed.

    author: the name of who did it over a link, "" for the owner of the computer.
    """

    id: int
    title: str
    origin: str
    time: float
    count: int
    undone: bool
    author: str = ""


@dataclass(frozen=True)
class Row:
    """One file in one step, as `Write` or, when there is a target, `Move`."""

    id: int
    operation: int
    path: str
    target: str | None
    state: int
    moment: int
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True)
class Pending:
    moment: int
    phase: int
    was: bytes | None


class Journal:
    """One connection to the file. Writers hold the data set's lock; readers need none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with errors_as_sentence(path):
            self._database = _connect(path)
        self._identity = _identity(path)

    def fits(self) -> bool:
        """Is the file still the one that was opened? It may have been deleted, or moved away."""
        return _identity(self.path) == self._identity

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._database.close()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[None]:
        """All of it or nothing. durable: on the disk before this returns."""
        self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    # Reading

    def version(self) -> int:
        row = self._one("SELECT now FROM clock")
        return row[0] if row else 0

    def pending(self) -> Pending | None:
        row = self._one("SELECT moment, phase, was FROM pending")
        return Pending(*row) if row else None

    def operations(self, limit: int) -> list[Operation]:
        return self._operations("ORDER BY id DESC LIMIT ?", limit)

    def operation(self, number: int) -> Operation | None:
        return next(iter(self._operations("WHERE id = ?", number)), None)

    def to_undo(self) -> int | None:
        """The newest operation of which anything is done."""
        row = self._one("SELECT max(operation) FROM changes WHERE state = 0")
        return row[0] if row else None

    def to_redo(self) -> tuple[int, int] | None:
        """(operation, moment) of what was undone last."""
        row = self._one(
            "SELECT operation, moment FROM changes WHERE state IN (1, 2)"
            " ORDER BY moment DESC LIMIT 1"
        )
        return (row[0], row[1]) if row else None

    def rows(self, operation: int) -> list[Row]:
        """What is done of an operation."""
        return self._rows("WHERE state = 0 AND operation = ?", operation)

    def rows_of_moment(self, moment: int, states: str = "0, 1, 2") -> list[Row]:
        return self._rows(f"WHERE state IN ({states}) AND moment = ?", moment)

    def newest_write(self, path: str, after: int, until: int, *, undone: bool) -> Row | None:
        """Of a file that had this name in the operations `after` < id ≤ `until`."""
        rows = self._rows(
            "WHERE path = ? AND target IS NULL AND operation > ? AND operation <= ?"
            f" AND state {'> 0' if undone else '= 0'}",
            *(os.fsencode(path), after, until),
            order=f"{'moment' if undone else 'operation'} DESC LIMIT 1",
        )
        return rows[0] if rows else None

    def moves_after(self, operation: int) -> dict[int, dict[str, str]]:
        """Names given by later operations that are done now: operation → {source: target}."""
        found: dict[int, dict[str, str]] = {}
        for number, source, target in self._database.execute(
            "SELECT operation, path, target FROM changes"
            " WHERE target IS NOT NULL AND state = 0 AND operation > ? ORDER BY operation",
            (operation,),
        ):
            found.setdefault(number, {})[os.fsdecode(source)] = os.fsdecode(target)
        return found

    def undone_rows(self, state: int) -> list[Row]:
        return self._rows("WHERE state = ?", state)

    def typed_since(self, operation: int) -> float | None:
        """When the typing of an operation began; None for one that was not typed."""
        row = self._one("SELECT began FROM operations WHERE id = ? AND typing", operation)
        return row[0] if row else None

    # Writing, within a transaction

    def tick(self) -> int:
        """The moment of a new step."""
        self._database.execute("UPDATE clock SET now = now + 1")
        return self.version()

    def begin(self, moment: int, *, was: bytes | None = None) -> None:
        """The files of this moment's rows are about to be changed."""
        self._database.execute("INSERT INTO pending VALUES (?, 0, ?)", (moment, was))

    def add(
        self,
        title: str,
        origin: str,
        moment: int,
        rows: Sequence[tuple[str, str | None, bytes | None, bytes | None]],
        *,
        typing: bool = False,
    ) -> int:
        """A new operation with rows of (path, target, before, after); its id."""
        now = time.time()
        size = sum(120 + len(before or b"") + len(after or b"") for _, _, before, after in rows)
        cursor = self._database.execute(
            "INSERT INTO operations (title, origin, began, time, count, bytes, typing, author)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_clean(title), _clean(origin), now, now, len(rows), size, typing, _clean(author())),
        )
        number = int(cursor.lastrowid or 0)
        self._database.executemany(
            "INSERT INTO changes (operation, path, target, state, moment, before, after)"
            " VALUES (?, ?, ?, 0, ?, ?, ?)",
            (
                (number, os.fsencode(path), target and os.fsencode(target), moment, before, after)
                for path, target, before, after in rows
            ),
        )
        return number

    def join(self, row: Row, after: bytes | None, moment: int) -> None:
        """Typing goes on in the step before."""
        self._database.execute(
            "UPDATE changes SET after = ?, moment = ? WHERE id = ?", (after, moment, row.id)
        )
        self._database.execute(
            "UPDATE operations SET time = ?, bytes = bytes + ? WHERE id = ?",
            (time.time(), len(after or b"") - len(row.after or b""), row.operation),
        )

    def mark(self, rows: Iterable[Row], state: int, moment: int) -> None:
        marked = list(rows)
        self._database.executemany(
            "UPDATE changes SET state = ?, moment = ? WHERE id = ?",
            ((state, moment, row.id) for row in marked),
        )
        # Typing that was undone is finished: what is typed next is a step of its own.
        self._database.executemany(
            "UPDATE operations SET typing = 0 WHERE id = ?",
            ((number,) for number in {row.operation for row in marked}),
        )

    def forget(self, rows: Iterable[Row]) -> None:
        """Steps of files that can neither be undone nor redone any more."""
        gone = list(rows)
        self._database.executemany("DELETE FROM changes WHERE id = ?", ((row.id,) for row in gone))
        counts: dict[int, int] = {}
        for row in gone:
            counts[row.operation] = counts.get(row.operation, 0) + 1
        self._database.executemany(
            "UPDATE operations SET count = count - ? WHERE id = ?",
            ((count, number) for number, count in counts.items()),
        )
        self._database.execute("DELETE FROM operations WHERE count <= 0")

    def forget_undone(self) -> None:
        """A new step was done: what was undone before it will not come back."""
        self._database.execute(
            "UPDATE operations SET count = count -"
            " (SELECT count(*) FROM changes WHERE operation = operations.id AND state = 1)"
            " WHERE id IN (SELECT DISTINCT operation FROM changes WHERE state = 1)"
        )
        self._database.execute("DELETE FROM changes WHERE state = 1")
        self._database.execute("DELETE FROM operations WHERE count <= 0")

    def set_phase(self, phase: int) -> None:
        self._database.execute("UPDATE pending SET phase = ?", (phase,))

    def settle(self) -> None:
        """The step under way is finished."""
        self._database.execute("DELETE FROM pending")

    def prune(self, *, budget: int, keep: int) -> None:
        """Forget the oldest steps beyond `budget` bytes, but never the newest `keep`."""
        sizes = self._database.execute(
            "SELECT id, bytes FROM operations ORDER BY id DESC"
        ).fetchall()
        total = 0
        for count, (number, size) in enumerate(sizes):
            total += size
            if count >= keep and total > budget:
                self._database.execute(
                    "DELETE FROM changes WHERE state IN (0, 1, 2) AND operation <= ?", (number,)
                )
                self._database.execute("DELETE FROM operations WHERE id <= ?", (number,))
                return

    def rename_folder(self, old: str, new: str) -> None:
        """A folder has another name now, and so have the files of all steps."""
        start, now = os.fsencode(f"{old}/"), os.fsencode(f"{new}/")
        for column in ("path", "target"):
            self._database.execute(
                f"UPDATE changes SET {column} = CAST(? || substr({column}, ?) AS BLOB)"
                f" WHERE substr({column}, 1, ?) = ?",
                (now, len(start) + 1, len(start), start),
            )

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(sql, values).fetchone()
        return row

    def _rows(self, where: str, *values: object, order: str = "id") -> list[Row]:
        found = self._database.execute(
            "SELECT id, operation, path, target, state, moment, before, after FROM changes"
            f" {where} ORDER BY {order}",
            values,
        )
        return [
            Row(number, operation, os.fsdecode(path), target and os.fsdecode(target), *rest)
            for number, operation, path, target, *rest in found
        ]

    def _operations(self, where: str, *values: object) -> list[Operation]:
        found = self._database.execute(
            "SELECT id, title, origin, time, count,"
            " NOT EXISTS (SELECT 1 FROM changes WHERE operation = operations.id AND state = 0),"
            f" author FROM operations {where}",
            values,
        )
        return [
            Operation(number, title, origin, when, count, bool(undone), by)
            for number, title, origin, when, count, undone, by in found
        ]


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        path, timeout=_BUSY, check_same_thread=False, isolation_level=None, cached_statements=64
    )
    try:
        # Where the disk has no shared memory (some network drives) SQLite keeps its older way.
        with suppress(sqlite3.OperationalError):
            database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA journal_size_limit = {16 * MIB}")
        database.execute("PRAGMA synchronous = FULL")  # for the tables; a step says it for itself
        migrate(database, MIGRATIONS)
    except NewerDatabase:
        database.close()
        raise WorkspaceError(
            "The history of this data set was written by a newer lorabake. Update lorabake."
        ) from None
    except BaseException:
        database.close()
        raise
    return database


class DamagedJournal(WorkspaceError):
    """The file cannot be read as what it should be; it is to be put aside."""


@contextmanager
def errors_as_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(
                "The disk is full, so nothing was changed. Free some space and try again."
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise DamagedJournal(
                "The history of changes was damaged, so it is begun anew; captions are as they "
                "were. Please do that once more."
            ) from error
        raise WorkspaceError(
            f"The history of changes {path} cannot be used ({error}), so nothing was changed. "
            "Look at the permissions of this folder."
        ) from error


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:200]
