"""Renaming many files as one step, also in a circle; whole again after a crash at any point.

Every file first goes to a name of its own in its folder, then all go to their new names. Which of
the two halves has begun is the journal's to remember: so wherever it was cut off, a file is at one
place only, and it is known which.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lorabake.core.changes import Files, Move, swap
from lorabake.core.errors import DatasetError
from lorabake.core.files import fault, sync_folder
from lorabake.core.names import free_name, name_key, shown


class Moves:
    """Moves of one step. moment: of the step, which makes the names in between its own."""

    def __init__(self, files: Files, moves: Sequence[Move], moment: int) -> None:
        self._files = files
        self._moves = list(moves)
        self._moment = moment

    def set_aside(self) -> None:
        """Every source to its name in between; DatasetError, and all are back, when one is held."""
        for number, move in enumerate(self._moves):
            fault(f"history_aside_{number}")
            between = self._between(number)
            if _there(between):
                continue  # before a crash
            try:
                with suppress(FileNotFoundError):
                    swap(self._place(move.source), between)
            except OSError as error:
                self._take_back()
                raise DatasetError(
                    f"{shown(move.source)} could not be renamed ({error.strerror}), so nothing was. "
                    "Close the program that holds it and try again."
                ) from error
        self._sync()

    def put_in_place(self) -> list[tuple[int, str]]:
        """From the names in between to the new ones; numbers of those that ended elsewhere, and why."""
        failed = []
        for number, move in enumerate(self._moves):
            fault(f"history_placed_{number}")
            between, target = self._between(number), self._place(move.target)
            if _there(between):
                if not self._rename(between, target):
                    failed.append((number, self._save(between, move)))
            elif not _there(target):
                failed.append((number, f"{shown(move.source)} is not there any more."))
        self._sync()
        return failed

    def _rename(self, between: str, target: str) -> bool:
        with suppress(OSError):
            if not _there(target):
                swap(between, target)
                return True
        return False

    def _take_back(self) -> None:
        for number, move in enumerate(self._moves):
            between, source = self._between(number), self._place(move.source)
            if _there(between) and not self._rename(between, source):
                self._save(between, Move(move.source, move.source))
        self._sync()

    def _save(self, between: str, move: Move) -> str:
        """Another program took the new name at this very moment: a name nobody has, and a word."""
        target = Path(self._place(move.target))
        stem, suffix = target.stem, target.suffix
        taken = [Path(path.name).stem for path in target.parent.iterdir()]
        saved = target.with_name(f"{free_name(stem, taken)}{suffix}")
        swap(between, str(saved))
        return (
            f"{shown(move.target)} was taken meanwhile, so {shown(move.source)} is "
            f"{shown(saved.name)} now. Rename it as you like."
        )

    def _place(self, path: str) -> str:
        return self._files.place(path)

    def _between(self, number: int) -> str:
        """Hidden, so that no scan sees it; not ending in .tmp, so that nothing sweeps it away."""
        folder = self._moves[number].source.rpartition("/")[0]
        name = f".lorabake-{self._moment}-{number}"
        return self._place(f"{folder}/{name}" if folder else name)

    def _sync(self) -> None:
        paths = [path for move in self._moves for path in (move.source, move.target)]
        for folder in self._files.folders(paths):
            with suppress(OSError):
                sync_folder(folder)


def _there(path: str) -> bool:
    return os.path.lexists(path)


def fitting(files: Files, moves: Sequence[Move]) -> tuple[list[Move], dict[Move, str]]:
    """The moves that can be made together, and the others with the reason."""
    refused = _twins(moves)
    left = [move for move in moves if move not in refused]
    while True:
        leaving = {move.source for move in left}
        keys = _keys(leaving)
        wrong = {move: why for move in left if (why := _objection(files, move, leaving, keys))}
        if not wrong:
            return left, refused
        refused |= wrong
        left = [move for move in left if move not in wrong]


def _twins(moves: Sequence[Move]) -> dict[Move, str]:
    """Moves to names that would be one file on Windows or macOS."""
    first: dict[str, Move] = {}
    found = {}
    for move in moves:
        earlier = first.setdefault(name_key(move.target), move)
        if earlier is not move:
            found[move] = f"{shown(move.source)} would get the name of another file."
    return found


def _objection(files: Files, move: Move, leaving: set[str], keys: dict[str, str]) -> str:
    try:
        if not files.exists(move.source):
            return f"{shown(move.source)} is not there any more, so it was not renamed."
        folder = Path(files.place(move.target)).parent
        if not folder.is_dir():
            return f"The folder of {shown(move.target)} is not there any more."
        if not files.same_device(move.source, move.target):
            return f"{shown(move.target)} lies on another disk. Copy it there."
        if move.target in leaving or not files.exists(move.target):
            return ""
        # On a disk that does not tell a.png from A.png, the file found may be one that leaves.
        other = keys.get(name_key(move.target))
        if other is not None and _same_file(files, other, move.target):
            return ""
    except DatasetError as error:
        return str(error)
    return f"There is already {shown(move.target)}, so {shown(move.source)} was not renamed."


def _keys(paths: set[str]) -> dict[str, str]:
    return {name_key(path): path for path in paths}


def _same_file(files: Files, one: str, other: str) -> bool:
    try:
        return Path(files.place(one)).samefile(files.place(other))
    except OSError:
        return False
