"""What the editor's gallery asks: the rows, which of them a filter finds, in which order; undo and redo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lorabake.captions.editing import history_of
from lorabake.core.filter import FilterError, parse_filter
from lorabake.core.history import Operation, Outcome
from lorabake.ui.answers import answered, number, text
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.many import lb_common, lb_many, lb_many_count
from lorabake.ui.place import place

MAX_FILTER = 2000  # characters
MAX_TOLD = 50  # names and sentences an answer lists
FAR = 2**53  # what a number of the page may be
OPERATIONS = 20


@answered("look")
def lb_editor(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {version, listing, folders, rows: [[folder number, name, sha256, width, height, tags]]}.

    In the order of the folders. tags: how many; 0 says that there is no caption.
    """
    shelf = place().shelf(data.get("project"), thorough=True)
    folders = [concept.folder.name for concept in shelf.dataset.concepts]
    numbers = {name: i for i, name in enumerate(folders)}
    rows = [
        [numbers[p.folder], p.path.name, p.sha, p.width, p.height, _tag_count(p)]
        for p in shelf.pictures
    ]
    return {**_versions(shelf), "folders": folders, "rows": rows}


@answered("look")
def lb_changes(data: dict[str, Any]) -> dict[str, Any]:
    """{project, version, listing} → {version, listing, tags: {id: how many}}.

    Only of the captions that changed since then; tags is null when everything must be asked anew.
    """
    shelf = place().shelf(data.get("project"))
    since = number(data, "version", otherwise=0, low=0, high=FAR)
    listing = number(data, "listing", otherwise=0, low=0, high=FAR)
    ids = shelf.changes_since(since) if listing == shelf.listing else None
    tags = None if ids is None else {id: _tag_count(shelf.by_id[id]) for id in ids}
    return {**_versions(shelf), "tags": tags}


@answered("look")
def lb_filter(data: dict[str, Any]) -> dict[str, Any]:
    """{project, filter, sort, reverse} → {version, listing, numbers}: of `lb_editor`'s rows, in order.

    numbers: null for all as they are. {error, position} for an expression that has a mistake.
    """
    shelf = place().shelf(data.get("project"))
    expression = text(data, "filter", limit=MAX_FILTER)
    chosen = list(range(len(shelf.pictures)))
    if expression.strip():
        try:
            chosen = parse_filter(expression).select(shelf.facts)
        except FilterError as error:
            return {"error": str(error), "position": error.position}
    order = text(data, "sort", limit=40)
    reverse = data.get("reverse") is True
    if order in SORTS:
        chosen = _sorted(shelf, chosen, order, reverse)
    elif reverse:
        chosen.reverse()
    elif len(chosen) == len(shelf.pictures):
        return {**_versions(shelf), "numbers": None}
    return {**_versions(shelf), "numbers": chosen}


def _sorted(shelf: Shelf, chosen: list[int], order: str, reverse: bool) -> list[int]:
    """Equal ones stay in the order of their folders, also when it is reversed."""
    keys = SORTS[order](shelf)
    return sorted(chosen, key=lambda number: keys[number], reverse=reverse)


def _by(key: Callable[[Picture], Any]) -> Callable[[Shelf], Sequence[Any]]:
    return lambda shelf: [key(picture) for picture in shelf.pictures]


SORTS: dict[str, Callable[[Shelf], Sequence[Any]]] = {
    "name": _by(lambda picture: picture.path.name.casefold()),
    "date": _by(lambda picture: -picture.changed),
    "tags": _by(lambda picture: -_tag_count(picture)),
    "tokens": lambda shelf: [-facts.tokens for facts in shelf.facts],
    "size": _by(lambda picture: -picture.width * picture.height),
    "bare": _by(lambda picture: picture.captioned),
}


@answered("look")
def lb_history(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {undo, redo: an operation or null, operations: the newest first}."""
    history = history_of(place().project(data.get("project")).dataset_dir)
    return {
        "undo": _operation(history.can_undo),
        "redo": _operation(history.can_redo),
        "operations": [_operation(operation) for operation in history.operations(OPERATIONS)],
    }


@answered("edit")
def lb_undo(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → what `told` says about the step that was undone."""
    project = place().project(data.get("project"))
    return told(project.name, history_of(project.dataset_dir).undo())


@answered("edit")
def lb_redo(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → what `told` says about the step that was done again."""
    project = place().project(data.get("project"))
    return told(project.name, history_of(project.dataset_dir).redo())


def told(project: str, outcome: Outcome) -> dict[str, Any]:
    """{version, title, changed: how many, skipped: [[file, sentence]]}; the shelf knows it now."""
    version = place().captions_changed(project, outcome.changed)
    return {
        "version": version,
        "title": outcome.operation.title if outcome.operation else "",
        "changed": len(outcome.changed),
        "skipped": [list(pair) for pair in outcome.skipped[:MAX_TOLD]],
        "skipped_count": len(outcome.skipped),
    }


def _operation(operation: Operation | None) -> dict[str, Any] | None:
    if operation is None:
        return None
    return {
        "id": operation.id,
        "title": operation.title,
        "origin": operation.origin,
        "time": operation.time,
        "count": operation.count,
        "undone": operation.undone,
    }


def _tag_count(picture: Picture) -> int:
    return picture.caption.count(", ") + 1 if picture.captioned else 0


def _versions(shelf: Shelf) -> dict[str, int]:
    return {"version": shelf.version, "listing": shelf.listing}


CALLS = (
    *(lb_editor, lb_changes, lb_filter, lb_history, lb_undo, lb_redo),
    *(lb_common, lb_many, lb_many_count),
)
