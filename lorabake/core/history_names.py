"""What a file of an earlier step is called now: files and their folders are renamed, steps stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lorabake.core.changes import Files
from lorabake.core.journal import Journal, Row
from lorabake.core.names import name_key

NEWEST = 2**62  # above the number of any operation


def names_now(journal: Journal, rows: Iterable[Row]) -> list[str]:
    """The name of each row's file after the renames that came later and are still done."""
    later: dict[int, list[Mapping[str, str]]] = {}
    names = []
    for row in rows:
        if row.operation not in later:
            later[row.operation] = list(journal.moves_after(row.operation).values())
        name = row.path
        for moves in later[row.operation]:
            name = moves.get(name, name)
        names.append(name)
    return names


def names_before(journal: Journal, path: str) -> Iterator[tuple[str, int, int]]:
    """The names a file has had: (name, after, until) for the operations `after` < id ≤ `until`.

    The newest first. A file that took the place of one that was renamed away has no older names.
    """
    name, until = path, NEWEST
    for number, moves in reversed(journal.moves_after(0).items()):
        yield name, number, until
        backwards = {target: source for source, target in moves.items()}
        if name not in backwards and name in moves:
            return
        name, until = backwards.get(name, name), number
    yield name, -1, until


def newest_row(journal: Journal, path: str, *, undone: bool) -> Row | None:
    """The step that undoing (or redoing) in this file alone would take."""
    found = [
        row
        for name, after, until in names_before(journal, path)
        if (row := journal.newest_write(name, after, until, undone=undone))
    ]
    if not found:
        return None
    return max(found, key=lambda row: row.moment) if undone else found[0]


def renamed_folders(files: Files, rows: Iterable[Row]) -> dict[str, str]:
    """Concept folders that are gone, and the one that took their place: `5_kafka` → `7_kafka`.

    Other programs change the number in front too. Only where it is plain which one it is.
    """
    renamed = {}
    for folder in {row.path.partition("/")[0] for row in rows if "/" in row.path}:
        if (files.root / folder).is_dir():
            continue
        trigger = _trigger(folder)
        twins = [
            path.name
            for path in files.root.iterdir()
            if path.is_dir() and not path.name.startswith(".") and _trigger(path.name) == trigger
        ]
        if len(twins) == 1:
            renamed[folder] = twins[0]
    return renamed


def _trigger(folder: str) -> str:
    number, line, trigger = folder.partition("_")
    return name_key(trigger if line and number.isdecimal() else folder)
