"""What our SQLite files share: tables that grow by numbered migrations, and damage that is put aside.

What is in them is known by `index.py` and `journal.py` only.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class NewerDatabase(sqlite3.DatabaseError):
    """Written by a newer lorabake, which knows tables that we do not."""


def migrate(database: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """Bring a file to the newest tables, wholly or not at all; NewerDatabase when it is beyond them.

    migrations: the statements of each; the file remembers how many it has had. The connection must
    leave transactions to us (isolation_level None).
    """
    if _version(database) == len(migrations):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        had = _version(database)  # another process may have been quicker
        if had > len(migrations):
            raise NewerDatabase("written by a newer lorabake")
        for number, statements in enumerate(migrations[had:], start=had + 1):
            for statement in statements:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def put_aside(path: Path) -> None:
    """Keep a damaged file under another name."""
    for ending in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + ending).unlink()
    with suppress(OSError):
        path.replace(path.with_name(f"{path.name}.damaged-{time.time_ns()}"))


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)
