"""What "Process tags" would change in the captions of a project, kept as it was shown."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lorabake.captions.operations import OPERATIONS
from lorabake.captions.process import (
    Changed,
    Item,
    Matched,
    Preview,
    items_of,
    match_counts,
    preview,
)
from lorabake.captions.rename import plan_rename
from lorabake.captions.settings import FieldError, ProcessSettings
from lorabake.core.errors import DatasetError
from lorabake.core.filter import FilterError, parse_filter
from lorabake.core.history import Move
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, number, text
from lorabake.ui.place import of_place, place
from lorabake.ui.processing_diff import Part, difference, parts
from lorabake.ui.processing_form import MAX_FILTER, idle, read_values, remember
from lorabake.ui.processing_scores import probabilities
from lorabake.ui.roles import who
from lorabake.ui.words import plural

KEPT = 6  # previews; one for each window that looks, and those it has just left
MAX_ROWS = 128
FIRST_ROWS = 64
MAX_TAGS = 40  # of the tags that come and go, in the summary
MAX_NAMES = 60
MAX_IDS = 200_000
MAX_WARNINGS = 20
MAX_REASONS = 60  # of one caption
LABELS = {operation.name: operation.label for operation in OPERATIONS}
ASKED = frozenset(("add", "remove", "emphasise", "append"))  # what somebody typed needs no reason


@dataclass(frozen=True)
class Looked:
    """A preview as it was shown; exactly this is applied.

    items: the captions in scope; moves: new names of pictures, if they are asked for.
    """

    project: str
    settings: ProcessSettings
    preview: Preview
    items: tuple[Item, ...]
    moves: tuple[Move, ...]

    @cached_property
    def differences(self) -> list[tuple[set[str], set[str]]]:
        """(gone, come) of each change."""
        return [difference(change.before, change.after) for change in self.preview.changes]


_kept: OrderedDict[str, Looked] = of_place(OrderedDict)
# The captions of the project looked at last, under "".
_read: dict[str, tuple[object, tuple[Item, ...]]] = of_place(dict)
_lock, _reading = threading.Lock(), threading.Lock()


@answered("look")
def lb_process_preview(data: dict[str, Any]) -> dict[str, Any]:
    """What the operations would change in the captions in scope; remembers the fields, unless whoever
    asks may only look.

    Either `errors` by field or `scope_error`, or a preview with its first rows. `left`: pictures
    of `without` that it would change.
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    settings, errors = read_values(data.get("values"))
    sent = data.get("scope")
    scope: dict[str, Any] = sent if isinstance(sent, dict) else {}
    answer: dict[str, Any] = {"errors": errors, "all": len(shelf.by_id), "version": shelf.version}
    try:
        ids = _in_scope(project, scope)
        if settings is None:
            return answer
        words = text(scope, "filter", limit=MAX_FILTER) if scope.get("kind") == "filter" else ""
        if who().may("edit"):
            remember(project, settings, words)
        looked = _look(project, settings, ids)
        left = without(data)
        stay = [change.id for change in looked.preview.changes if change.id in left]
        return answer | _view(looked, settings) | {"left": stay}
    except FilterError as error:
        return answer | {"scope_error": str(error)}
    except FieldError as error:
        return answer | {"errors": {error.field: str(error)}}


@answered("look")
def lb_process_rows(data: dict[str, Any]) -> dict[str, Any]:
    """Rows of a preview; `operation`, or `sign` and `tag`, leave only those they are about."""
    looked = find(data)
    wanted = _wanted(looked, data)
    first = number(data, "first", otherwise=0, low=0, high=len(wanted))
    count = number(data, "count", otherwise=FIRST_ROWS, low=0, high=MAX_ROWS)
    return {"count": len(wanted), "rows": _rows(looked, wanted[first : first + count])}


# --- looking ---------------------------------------------------------------------------------------


def all_items(project: Project) -> Sequence[Item]:
    """Every caption of the project; read again when one changed.

    What changed a moment ago and is not noticed yet does no harm: each caption carries the hash of
    what was read, and is not written over anything else.
    """
    shelf = place().shelf(project.name)
    key = (project.root, shelf.listing, shelf.version)
    with _reading:  # who comes second waits, and gets the same
        known, items = _read.get("", (None, ()))
        if known != key:
            items = tuple(items_of(shelf.dataset, extension=shelf.extension))
            _read[""] = (key, items)
        return items


def _in_scope(project: Project, scope: dict[str, Any]) -> set[str] | None:
    """Ids of the pictures; None for all."""
    if scope.get("kind") == "filter":
        rows = place().shelf(project.name).facts
        chosen = parse_filter(text(scope, "filter", limit=MAX_FILTER)).select(rows)
        return {rows[index].id for index in chosen}
    if scope.get("kind") == "selected":
        ids = scope.get("ids")
        return set(map(str, ids[:MAX_IDS])) if isinstance(ids, list) else set()
    return None


def _look(project: Project, settings: ProcessSettings, ids: set[str] | None) -> Looked:
    everything = all_items(project)
    items = everything if ids is None else [item for item in everything if item.id in ids]
    vocabulary = open_vocabulary(place().workspace)
    scores = None
    if settings.consolidate.strip() and settings.consolidate_by == "probable":
        scores = probabilities(project, [item.id for item in items])
    found = preview(items, settings, vocabulary, all_items=everything, scores=scores)
    moves = _plan(project, settings) if settings.rename else []
    return Looked(project.name, settings, found, tuple(items), tuple(moves))


def _plan(project: Project, settings: ProcessSettings) -> list[Move]:
    """New names of pictures; what moves along with them (captions, masks) is not listed."""
    shelf = place().shelf(project.name)
    moves = plan_rename(
        shelf.dataset,
        start=settings.rename_start,
        order=settings.rename_order,  # type: ignore[arg-type]  # its choices are those
    )
    pictures = {
        image.path.relative_to(shelf.dataset.root).as_posix() for image in shelf.dataset.images
    }
    return [move for move in moves if move.source in pictures]


def _view(looked: Looked, settings: ProcessSettings) -> dict[str, Any]:
    """A preview for the page, with its first rows so that they can be shown at once."""
    name = secrets.token_hex(8)
    with _lock:
        _kept[name] = looked
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    changes = looked.preview.changes
    tags = _tags(looked)
    return {
        "preview": name,
        "looked": len(looked.items),
        "count": len(changes),
        "idle": idle(settings),
        "found": _found(looked),
        "counts": [
            [name, LABELS.get(name, name), count]
            for name, count in looked.preview.counts.items()
            if count
        ],
        "tags": tags[:MAX_TAGS],
        "more_tags": max(0, len(tags) - MAX_TAGS),
        "warnings": list(looked.preview.warnings[:MAX_WARNINGS]),
        "names": {
            "count": len(looked.moves),
            "first": [[one.source, one.target] for one in looked.moves[:MAX_NAMES]],
        },
        "rows": _rows(looked, range(min(FIRST_ROWS, len(changes)))),
    }


def _where(found: Matched) -> str:
    where = f"in {plural(found.captions, 'caption')}"
    return where if found.tags == found.captions else f"{found.tags:,} {where}"


def _found(looked: Looked) -> dict[str, str]:
    """Beside each field that looks for something: "in 9 captions", or "12 in 9 captions"."""
    counted = match_counts(looked.items, looked.settings)
    return {name: _where(one) if one.tags else "not found" for name, one in counted.items()}


def _tags(looked: Looked) -> list[list[Any]]:
    """[sign, tag, captions, may be kept] of all tags that go or come, the most frequent first."""
    gone: Counter[str] = Counter()
    come: Counter[str] = Counter()
    for lost, won in looked.differences:
        gone.update(lost)
        come.update(won)
    asked = {tag_key(tag) for tag in looked.settings.tags_to_remove.split(",")}
    both = [["-", tag, n, tag_key(tag) not in asked] for tag, n in gone.items()]
    both += [["+", tag, n, False] for tag, n in come.items()]
    return sorted(both, key=lambda row: (-row[2], row[0], row[1]))


def _wanted(looked: Looked, data: dict[str, Any]) -> Sequence[int]:
    """Numbers of the changes that the page asks for."""
    operation, sign = text(data, "operation", limit=100), text(data, "sign", limit=1)
    changes = looked.preview.changes
    if operation:
        return [
            index
            for index, change in enumerate(changes)
            if any(reason.operation == operation for reason in change.reasons)
        ]
    if sign:
        tag, side = text(data, "tag"), int(sign == "+")
        return [index for index, pair in enumerate(looked.differences) if tag in pair[side]]
    return range(len(changes))


def _rows(looked: Looked, numbers: Iterable[int]) -> list[dict[str, Any]]:
    shelf = place().shelf(looked.project)
    rows = []
    for index in numbers:
        change = looked.preview.changes[index]
        picture = shelf.by_id.get(change.id)
        folder, _, name = change.id.partition("/")
        rows.append(
            {
                "id": change.id,
                "name": name,
                "folder": folder,
                "sha": picture.sha if picture else "",
                "parts": _parts(change),
                "reasons": _reasons(change),
            }
        )
    return rows


def _parts(change: Changed) -> list[Part]:
    why: dict[str, str] = {}
    for reason in change.reasons:
        if reason.tag:
            why.setdefault(tag_key(reason.tag), reason.why)
    return parts(change.before, change.after, why)


def _reasons(change: Changed) -> list[tuple[str, bool]]:
    """("shirt: implied by white shirt", plain), each once. plain: somebody typed just that."""
    told = (
        (f"{one.tag}: {one.why}" if one.tag else one.why, one.operation in ASKED)
        for one in change.reasons
    )
    return list(dict.fromkeys(told))[:MAX_REASONS]


def without(data: dict[str, Any]) -> frozenset[str]:
    """Ids of pictures that somebody left out."""
    listed = data.get("without")
    return frozenset(map(str, listed[:MAX_IDS])) if isinstance(listed, list) else frozenset()


def find(data: dict[str, Any]) -> Looked:
    with _lock:
        looked = _kept.get(text(data, "preview", limit=40))
    if looked is None or looked.project != data.get("project"):
        raise DatasetError(
            "This preview is no longer there. It was made anew: look at it once more."
        )
    return looked


def forget_previews() -> None:
    """None of them is true any more: the captions were written."""
    with _lock:
        _kept.clear()
