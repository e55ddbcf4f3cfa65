"""One step of a history: what fits, the journal's entry, and the files after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lorabake.core.changes import Files, Move, Prepared, Write
from lorabake.core.errors import DatasetError
from lorabake.core.files import fault
from lorabake.core.history_names import names_now
from lorabake.core.journal import DONE, Journal, Operation, Row
from lorabake.core.moves import Moves, fitting
from lorabake.core.names import shown

BUDGET = 256 * 1024 * 1024  # bytes of contents that a journal keeps …
KEEP = 50  # … and the newest steps that it keeps whatever they hold

Contents = dict[str, tuple[bytes | None, int | None]]


@dataclass(frozen=True)
class Outcome:
    """What came of it. operation: None when there was nothing to change.

    changed: paths below the data set, under their new names; skipped: path and a sentence why.
    """

    operation: Operation | None
    changed: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


def sort_writes(
    files: Files, writes: Iterable[Write]
) -> tuple[list[Write], Contents, dict[str, str]]:
    """Those to be made, their contents, and path → sentence for those that do not fit.

    A file that has the wanted contents already is in none of them.
    """
    wanted: list[Write] = []
    contents: Contents = {}
    refused: dict[str, str] = {}
    for write in writes:
        try:
            there, mode = files.content(write.path)
        except DatasetError as error:
            refused[write.path] = str(error)
            continue
        if there == write.after:
            continue
        if there != write.before:
            refused[write.path] = changed_elsewhere(write.path, there)
            continue
        wanted.append(write)
        contents[write.path] = (write.after, mode)
    return wanted, contents, refused


def changed_elsewhere(path: str, there: bytes | None) -> str:
    if there is None:
        return f"{shown(path)} is not there any more, so it was left out."
    return f"{shown(path)} was changed by another window or program, so it was left as it is."


class Steps:
    """Steps on the files of one data set, by whoever holds its lock."""

    def __init__(self, journal: Journal, files: Files) -> None:
        self.journal = journal
        self.files = files

    def write(
        self,
        contents: Contents,
        enter: Callable[[int], bytes | None],
        give_up: Callable[[set[str]], None],
    ) -> dict[str, str]:
        """Change contents: prepare, enter it in the journal, do it; the files that failed.

        enter: writes the journal's rows for this moment, and gives the contents that the file of a
        joined step had. give_up: takes back the rows of these paths.
        """
        prepared = Prepared(self.files, contents)
        try:
            with self.journal.transaction(durable=True):
                moment = self.journal.tick()
                was = enter(moment)
                self.journal.begin(moment, was=was)
        except BaseException:
            prepared.discard()
            raise
        fault("history_journaled")
        failed = dict(prepared.put_in_place())
        with self.journal.transaction(durable=False):
            if failed:
                give_up(set(failed))
            self._settle()
        return failed

    def move(
        self, moves: Sequence[Move], enter: Callable[[int], list[Row]], back: int | None
    ) -> dict[Move, str]:
        """Change names; the moves that ended elsewhere.

        enter: writes the rows and gives them. back: the state they get back when a file is held by
        another program, or None for steps that were never done.
        """
        with self.journal.transaction(durable=True):
            moment = self.journal.tick()
            rows = enter(moment)
            self.journal.begin(moment)
        fault("history_journaled")
        return self.go_on_moving(Moves(self.files, moves, moment), moves, rows, back, phase=0)

    def go_on_moving(
        self,
        work: Moves,
        moves: Sequence[Move],
        rows: Sequence[Row],
        back: int | None,
        *,
        phase: int,
    ) -> dict[Move, str]:
        if phase == 0:
            try:
                work.set_aside()
            except DatasetError:
                with self.journal.transaction(durable=True):
                    if back is None:
                        self.journal.forget(rows)
                    else:
                        self.journal.mark(rows, back, self.journal.tick())
                    self._settle()
                raise
            fault("history_aside")
            with self.journal.transaction(durable=True):
                self.journal.set_phase(1)
        failed = work.put_in_place()
        fault("history_placed")
        with self.journal.transaction(durable=False):
            self.journal.forget([rows[number] for number, _ in failed])
            self._settle()
        return {moves[number]: why for number, why in failed}

    def fitting(self, moves: Sequence[Move]) -> tuple[list[Move], dict[Move, str]]:
        return fitting(self.files, moves)

    def recover(self) -> None:
        """Complete the step that a kill or a power cut left half done."""
        pending = self.journal.pending()
        if pending is None:
            return
        rows = self.journal.rows_of_moment(pending.moment)
        if any(row.target is not None for row in rows):
            moves = [move_of(row, forwards=row.state == DONE) for row in rows]
            work = Moves(self.files, moves, pending.moment)
            # What was never done before is forgotten when it cannot be completed either.
            back = None if rows[0].state == DONE else DONE
            self.go_on_moving(work, moves, rows, back, phase=pending.phase)
            return
        contents: Contents = {}
        for row, name in zip(rows, names_now(self.journal, rows), strict=True):
            had, wanted = (row.before, row.after)[:: 1 if row.state == DONE else -1]
            try:
                there, mode = self.files.content(name)
            except DatasetError:
                continue
            if there == (had if pending.was is None else pending.was) or _is_torn(there, wanted):
                contents[name] = (wanted, mode)
        Prepared(self.files, contents).put_in_place()
        with self.journal.transaction(durable=False):
            self._settle()

    def _settle(self) -> None:
        self.journal.settle()
        self.journal.prune(budget=BUDGET, keep=KEEP)


def move_of(row: Row, *, forwards: bool) -> Move:
    assert row.target is not None
    return Move(row.path, row.target) if forwards else Move(row.target, row.path)


def _is_torn(there: bytes | None, wanted: bytes | None) -> bool:
    """Does it look like a write that a power cut left without its contents?"""
    if not wanted or there is None or there == wanted:
        return False
    return wanted.startswith(there.rstrip(b"\0"))
