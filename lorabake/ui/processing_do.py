"""Doing what "Process tags" has shown, and the way back. Names in, never paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lorabake.captions.process import apply
from lorabake.captions.rename import rename_ascending
from lorabake.captions.settings import ProcessSettings
from lorabake.core.errors import DatasetError
from lorabake.core.history import Operation, Outcome, open_history
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered
from lorabake.ui.place import place
from lorabake.ui.processing_form import title_of
from lorabake.ui.processing_look import find, forget_previews, without
from lorabake.ui.words import plural

MAX_SKIPPED = 50


@answered("edit")
def lb_process_apply(data: dict[str, Any]) -> dict[str, Any]:
    """Write what was previewed, without the pictures in `without`; rename if that was asked for."""
    looked = find(data)
    project = place().project(looked.project)
    left = without(data)
    changes = tuple(one for one in looked.preview.changes if one.id not in left)
    outcomes: list[Outcome] = []
    if changes:
        chosen = replace(looked.preview, changes=changes)
        done = apply(project.dataset_dir, looked.items, chosen, title_of(looked.settings))
        outcomes.append(_told(project, done))
    said = [f"Changed {plural(len(one.changed), 'caption')}." for one in outcomes]
    if looked.moves:
        outcomes.append(_told(project, _rename(project, looked.settings)))
        said.append(f"Renamed {plural(len(looked.moves), 'picture')}.")
    forget_previews()
    return {
        "said": " ".join(said) or "There was nothing to change.",
        "operations": [one.operation.id for one in outcomes if one.operation],
        "skipped": _skipped(outcomes),
        "past": past(project),
    }


# --- the way back ----------------------------------------------------------------------------------


@answered("look")
def lb_process_past(data: dict[str, Any]) -> dict[str, Any]:
    """What was done last, what can be undone and redone, and whether captions changed."""
    project = place().project(data.get("project"))
    return {"past": past(project), "version": place().dataset_version(project.name)}


@answered("edit")
def lb_process_undo(data: dict[str, Any]) -> dict[str, Any]:
    """Undo the newest step; with `ids`, all of those, as long as they are the newest."""
    project = place().project(data.get("project"))
    history = open_history(project.dataset_dir)
    listed = data.get("ids")
    if not isinstance(listed, list):
        return _stepped(project, "Undone", [history.undo()])
    wanted = {one for one in listed[:10] if isinstance(one, int)}
    newest, outcomes = history.can_undo, []
    if newest is None or newest.id not in wanted:
        raise DatasetError("Something else was done since. Undo that first, with the button below.")
    while newest is not None and newest.id in wanted:
        outcomes.append(history.undo())
        newest = history.can_undo
    return _stepped(project, "Undone", outcomes)


@answered("edit")
def lb_process_redo(data: dict[str, Any]) -> dict[str, Any]:
    """Do again what was undone last."""
    project = place().project(data.get("project"))
    return _stepped(project, "Done again", [open_history(project.dataset_dir).redo()])


def past(project: Project) -> dict[str, Any]:
    """The history for the page: {undo, redo, operations, version}."""
    history = open_history(project.dataset_dir)
    undo, redo = history.can_undo, history.can_redo
    return {
        "undo": _operation(undo) if undo else None,
        "redo": _operation(redo) if redo else None,
        "operations": [_operation(one) for one in history.operations(20)],
        "version": history.version,
    }


def _operation(one: Operation) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "time": one.time,
        "count": one.count,
        "undone": one.undone,
    }


def _stepped(project: Project, word: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    for outcome in outcomes:
        _told(project, outcome)
    said = [
        f"{word}: {one.operation.title} ({plural(len(one.changed), 'file')})."
        for one in outcomes
        if one.operation
    ]
    return {"said": " ".join(said), "skipped": _skipped(outcomes), "past": past(project)}


def _told(project: Project, outcome: Outcome) -> Outcome:
    """Let the page's memory follow what was written."""
    place().captions_changed(project.name, outcome.changed)
    return outcome


def _skipped(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    """What was left as it is, and why."""
    every = [pair for outcome in outcomes for pair in outcome.skipped]
    more = len(every) - MAX_SKIPPED
    return every[:MAX_SKIPPED] + ([("…", f"and {more} more.")] if more > 0 else [])


def _rename(project: Project, settings: ProcessSettings) -> Outcome:
    return rename_ascending(
        project.dataset_dir,
        place().shelf(project.name).dataset,
        start=settings.rename_start,
        order=settings.rename_order,  # type: ignore[arg-type]  # its choices are those
    )
