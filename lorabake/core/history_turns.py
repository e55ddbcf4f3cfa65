"""Steps of a history that are undone or done again: in all their files, or in some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lorabake.core.changes import Write
from lorabake.core.history_names import names_now, renamed_folders
from lorabake.core.history_steps import Outcome, Steps, move_of, sort_writes
from lorabake.core.journal import DONE, Row


def turn_rows(steps: Steps, rows: Sequence[Row], state: int) -> Outcome:
    """Bring rows of one operation from done to undone, or back."""
    operation = steps.journal.operation(rows[0].operation)
    if rows[0].target is not None:
        changed, skipped = _turn_moves(steps, rows, state)
    else:
        changed, skipped = _turn_writes(steps, rows, state)
    now = steps.journal.operation(rows[0].operation)
    if now is None and operation is not None:
        now = replace(operation, undone=state != DONE)
    return Outcome(now, changed, skipped)


def turn(steps: Steps, rows: Callable[[], list[Row]], state: int) -> Outcome:
    """The same, after folders were renamed outside of lorabake. rows: asked again after that."""
    found = rows()
    renamed = renamed_folders(steps.files, found)
    if renamed:
        with steps.journal.transaction(durable=False):
            for old, new in renamed.items():
                steps.journal.rename_folder(old, new)
        found = rows()
    return turn_rows(steps, found, state)


def _turn_writes(
    steps: Steps, rows: Sequence[Row], state: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    names = names_now(steps.journal, rows)
    by_name = dict(zip(names, rows, strict=True))
    writes = [
        Write(name, row.before, row.after) if state == DONE else Write(name, row.after, row.before)
        for name, row in by_name.items()
    ]
    _, contents, refused = sort_writes(steps.files, writes)
    journal = steps.journal

    def enter(moment: int) -> None:
        # Nobody can undo what is not there any more: it would stand in the way for ever.
        journal.forget(by_name[name] for name in refused)
        journal.mark((by_name[name] for name in names if name not in refused), state, moment)

    def give_up(paths: set[str]) -> None:
        moment = journal.version()
        for name in paths:
            journal.mark([by_name[name]], by_name[name].state, moment)

    failed = steps.write(contents, enter, give_up)
    told = refused | failed
    return tuple(name for name in names if name not in told), tuple(told.items())


def _turn_moves(
    steps: Steps, rows: Sequence[Row], state: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    by_move = {move_of(row, forwards=state == DONE): row for row in rows}
    fit, refused = steps.fitting(list(by_move))
    journal = steps.journal

    def enter(moment: int) -> list[Row]:
        journal.forget(by_move[move] for move in refused)
        turned = [by_move[move] for move in fit]
        journal.mark(turned, state, moment)
        return turned

    failed = steps.move(fit, enter, back=rows[0].state)
    told = [(move.source, why) for move, why in (refused | failed).items()]
    return tuple(move.target for move in fit if move not in failed), tuple(told)
