"""Every change of captions and names, so that it can be undone and redone, also after a restart.

A step is prepared beside the files, written into the journal (`.lorabake/history.sqlite` in the
data set), and only then done. So a step that was cut off is either not there at all, or is completed
the next time somebody looks. See docs/decisions/0012.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lorabake.core.author import author
from lorabake.core.changes import Change, Move, Write, checked
from lorabake.core.errors import DatasetError
from lorabake.core.history_names import NEWEST, names_now, newest_row
from lorabake.core.history_steps import Outcome, Steps, sort_writes
from lorabake.core.history_turns import turn, turn_rows
from lorabake.core.journal import DONE, UNDONE, UNDONE_ALONE, Journal, Operation, Row
from lorabake.core.names import shown
from lorabake.core.notebook import Notebook

__all__ = [
    "Change",
    "History",
    "Move",
    "NothingToUndo",
    "Operation",
    "Outcome",
    "StaleChange",
    "Write",
    "close_history",
    "open_history",
]

_LONGEST_TYPING = 60.0  # seconds; then a new step begins, however fast somebody types


class StaleChange(DatasetError):
    """A file is no longer what the change was made from; nothing was done. paths: those files."""

    def __init__(self, sentence: str, paths: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.paths = paths


class NothingToUndo(DatasetError):
    """There is no step to undo or redo."""


class History:
    """The steps of one data set. Threads and processes may use it at the same time.

    merge_within: seconds in which typing in one file joins the step before.
    """

    merge_within: float = 5.0

    def __init__(self, root: Path) -> None:
        self.root = root
        self._notebook = Notebook(root)

    def do(
        self,
        title: str,
        changes: Sequence[Change],
        *,
        origin: str = "edit",
        strict: bool = True,
        typing: bool = False,
    ) -> Outcome:
        """Do them as one step: contents or names, not both.

        strict: StaleChange, and nothing is done, when one does not fit; otherwise it is skipped and
        told. typing: may join the step before. What was undone before cannot be redone any more,
        except in files that were undone alone and are not touched.
        """
        wanted = list(checked(changes))
        writes = [change for change in wanted if isinstance(change, Write)]
        moves = [change for change in wanted if isinstance(change, Move)]
        if writes and moves:
            raise ValueError("an operation changes either contents or names")
        if not wanted:
            return Outcome(None)
        with self._notebook.writing() as steps:
            if moves:
                return self._do_moves(steps, title, moves, origin, strict)
            return self._do_writes(steps, title, writes, origin, strict, typing)

    def undo(self) -> Outcome:
        """Undo the newest step; a file that another program changed since is skipped and told."""
        with self._notebook.writing() as steps:
            number = steps.journal.to_undo()
            if number is None:
                raise NothingToUndo("There is nothing to undo.")
            of = number
            return turn(steps, lambda: steps.journal.rows(of), UNDONE)

    def redo(self) -> Outcome:
        """Do again what was undone last."""
        with self._notebook.writing() as steps:
            found = steps.journal.to_redo()
            if found is None:
                raise NothingToUndo("There is nothing to redo.")
            _, moment = found
            return turn(steps, lambda: steps.journal.rows_of_moment(moment, "1, 2"), DONE)

    def undo_step(self, number: int) -> Outcome:
        """Undo one step, also an older one: in the files that nobody changed after it.

        A file that was changed since, here or by another program, is left alone and told.
        """
        with self._notebook.writing() as steps:
            journal = steps.journal
            rows = journal.rows(number)
            if not rows:
                raise NothingToUndo("This step is undone already, or no longer remembered.")
            if number == journal.to_undo():
                return turn(steps, lambda: journal.rows(number), UNDONE)
            if rows[0].target is not None:
                raise NothingToUndo("Pictures were renamed here. Undo the steps after it first.")
            names = dict(zip(names_now(journal, rows), rows, strict=True))
            still = {name: newest_row(journal, name, undone=False) for name in names}
            alone = [
                row for name, row in names.items() if (last := still[name]) and last.id == row.id
            ]
            if not alone:
                raise NothingToUndo("All of it was changed since. Undo the steps after it first.")
            outcome = turn_rows(steps, alone, UNDONE_ALONE)
            left = [name for name, row in names.items() if row not in alone]
            told = [(name, f"{shown(name)} was changed since, so it was left.") for name in left]
            return replace(outcome, skipped=(*outcome.skipped, *told))

    def undo_path(self, path: str) -> Outcome:
        """Undo the newest change of this file's contents, and in this file only."""
        with self._notebook.writing() as steps:
            return self._turn_path(steps, path, UNDONE_ALONE)

    def redo_path(self, path: str) -> Outcome:
        """Do again what was undone last in this file, whoever undid it."""
        with self._notebook.writing() as steps:
            return self._turn_path(steps, path, DONE)

    def operations(self, limit: int = 50) -> list[Operation]:
        """The newest first."""
        with self._notebook.reading() as journal:
            return journal.operations(limit) if journal else []

    @property
    def can_undo(self) -> Operation | None:
        with self._notebook.reading() as journal:
            number = journal.to_undo() if journal else None
            return journal.operation(number) if journal and number is not None else None

    @property
    def can_redo(self) -> Operation | None:
        with self._notebook.reading() as journal:
            found = journal.to_redo() if journal else None
            return journal.operation(found[0]) if journal and found else None

    @property
    def version(self) -> int:
        """Another number after every step, also after those of other processes; 0 before the first."""
        with self._notebook.reading() as journal:
            return journal.version() if journal else 0

    def folder_renamed(self, old: str, new: str) -> None:
        """Tell that the folder `5_kafka` is `7_kafka` now, so that its files can still be undone."""
        if self._notebook.path.exists():
            with self._notebook.writing() as steps, steps.journal.transaction(durable=False):
                steps.journal.rename_folder(old, new)
                steps.journal.tick()

    def close(self) -> None:
        """Let go of the file (Windows moves no folder with open files in it); it opens by itself."""
        self._notebook.close()

    def complete(self) -> None:
        """Finish the step that a kill cut off, if there is one."""
        with self._notebook.reading() as journal:
            cut_off = journal is not None and journal.pending() is not None
        if cut_off:
            with self._notebook.writing():
                pass

    def _do_writes(
        self,
        steps: Steps,
        title: str,
        writes: Sequence[Write],
        origin: str,
        strict: bool,
        typing: bool,
    ) -> Outcome:
        wanted, contents, refused = sort_writes(steps.files, writes)
        if strict and refused:
            _refuse(refused)
        if not wanted:
            return Outcome(None, (), tuple(refused.items()))
        journal, number = steps.journal, 0

        def enter(moment: int) -> bytes | None:
            nonlocal number
            self._forget_undone(journal, set(contents))
            row = None
            if typing and len(wanted) == 1:
                row = self._joined(journal, wanted[0], origin, moment)
            if row is not None:
                number = row.operation
                journal.join(row, wanted[0].after, moment)
                return wanted[0].before
            rows = [(write.path, None, write.before, write.after) for write in wanted]
            number = journal.add(title, origin, moment, rows, typing=typing)
            return None

        def give_up(paths: set[str]) -> None:
            journal.forget(row for row in journal.rows(number) if row.path in paths)

        failed = steps.write(contents, enter, give_up)
        changed = tuple(path for path in contents if path not in failed)
        return Outcome(journal.operation(number), changed, tuple((refused | failed).items()))

    def _do_moves(
        self, steps: Steps, title: str, moves: Sequence[Move], origin: str, strict: bool
    ) -> Outcome:
        fit, refused = steps.fitting(moves)
        if strict and refused:
            _refuse({move.source: why for move, why in refused.items()})
        told = [(move.source, why) for move, why in refused.items()]
        if not fit:
            return Outcome(None, (), tuple(told))
        journal, number = steps.journal, 0

        def enter(moment: int) -> list[Row]:
            nonlocal number
            self._forget_undone(journal, set())
            rows = [(move.source, move.target, None, None) for move in fit]
            number = journal.add(title, origin, moment, rows)
            return journal.rows(number)

        failed = steps.move(fit, enter, back=None)
        told += [(move.source, why) for move, why in failed.items()]
        changed = tuple(move.target for move in fit if move not in failed)
        return Outcome(journal.operation(number), changed, tuple(told))

    def _turn_path(self, steps: Steps, path: str, state: int) -> Outcome:
        undone = state == DONE
        row = newest_row(steps.journal, path, undone=undone)
        if row is None:
            what = "redo" if undone else "undo"
            raise NothingToUndo(f"There is nothing to {what} in {shown(path)}.")
        return turn_rows(steps, [row], state)

    def _joined(self, journal: Journal, write: Write, origin: str, moment: int) -> Row | None:
        """The row of the step just before that this typing goes on with."""
        number = journal.to_undo()
        operation = journal.operation(number) if number is not None else None
        if operation is None or operation.count != 1 or operation.origin != origin:
            return None
        if operation.author != author():  # two people in one caption are two steps
            return None
        began, now = journal.typed_since(operation.id), time.time()
        if began is None or now - began > _LONGEST_TYPING:
            return None
        if not 0 <= now - operation.time < self.merge_within:
            return None
        (row,) = journal.rows(operation.id)
        fits = row.path == write.path and row.after == write.before is not None
        return row if fits and row.moment == moment - 1 else None

    def _forget_undone(self, journal: Journal, touched: set[str]) -> None:
        """A new step ends redoing, except in files that were undone alone and are not touched."""
        alone = journal.undone_rows(UNDONE_ALONE)
        if alone:
            together = journal.undone_rows(UNDONE)
            touched = touched.union(names_now(journal, (row for row in together if not row.target)))
            # Steps that came after a rename which is forgotten name files as nobody will again.
            last = min((row.operation for row in together if row.target), default=NEWEST)
            journal.forget(
                row
                for row, name in zip(alone, names_now(journal, alone), strict=True)
                if name in touched or row.operation > last
            )
        journal.forget_undone()


_histories: dict[str, History] = {}
_guard = threading.Lock()


def open_history(root: Path) -> History:
    """The history of the data set in this folder; one for all who ask in this process."""
    key = str(root.resolve())
    with _guard:
        history = _histories.setdefault(key, History(Path(key)))
    history.complete()
    return history


def close_history(root: Path) -> None:
    """Let go of its file, before the folder is moved or deleted; the next use opens it again."""
    with _guard:
        history = _histories.get(str(root.resolve()))
    if history is not None:
        history.close()


def _refuse(refused: dict[str, str]) -> NoReturn:
    first = next(iter(refused.values()))
    more = f" So it is with {len(refused) - 1} more." if len(refused) > 1 else ""
    raise StaleChange(f"{first} Nothing was done.{more}", tuple(refused))
