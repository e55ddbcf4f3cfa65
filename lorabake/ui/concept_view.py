"""What "Concepts, styles, outfits" shows: every picture with its folder, the folders, what a filter finds."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from lorabake.concepts.pile import Picture, Sorting, sorting_of
from lorabake.core.dataset import split_concept_name
from lorabake.core.errors import DatasetError
from lorabake.core.filter import FilterError, parse_filter
from lorabake.core.history import Outcome
from lorabake.core.names import name_key, natural_key
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import update_settings
from lorabake.ui.place import of_place, place

KEY = "concepts"  # in project.json: subject, order, balanced
MAX_IDS = 100_000
MAX_FILTER = 2000  # characters
MAX_TOLD = 50
_MASKS = "_mask"


@dataclass(frozen=True)
class Card:
    """A folder as it is shown. reg: for regularisation."""

    folder: str
    trigger: str
    repeats: int
    images: int
    reg: bool


@dataclass(frozen=True)
class Seen:
    """The pictures as they were read last. key: of what was read; number: another one whenever they were read anew."""

    key: Any
    number: int
    sorting: Sorting


_known: dict[str, Seen] = of_place(dict)
_shown: dict[str, dict[str, Picture]] = of_place(dict)
_guard = threading.Lock()
_numbers = count(1)


@answered("look")
def lb_concepts(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {seen, version, folders, rows: [[folder number, name, sha256, width, height, tags]]}.

    Folders in the order of their keys; the number -1 is the pile. The rows are in `lb_concept_find`'s order.
    """
    project = place().project(data.get("project"))
    seen = look(project)
    listed = cards(project, seen.sorting)
    numbers = {card.folder: i for i, card in enumerate(listed)}
    _shown[project.name] = {one.id: one for one in seen.sorting.pictures}
    return {
        "seen": seen.number,
        "version": place().dataset_version(project.name),
        "folders": [asdict(card) for card in listed],
        "rows": [
            [numbers.get(one.folder, -1), one.name, one.sha256, one.width, one.height]
            + [len(one.image.caption.tags)]
            for one in seen.sorting.pictures
        ],
    }


@answered("look")
def lb_concept_find(data: dict[str, Any]) -> dict[str, Any]:
    """{project, filter} → {seen, numbers}: of `lb_concepts`' rows; {error, position} for a mistake."""
    seen = look(place().project(data.get("project")))
    try:
        found = parse_filter(text(data, "filter", limit=MAX_FILTER)).select(seen.sorting.pictures)
    except FilterError as error:
        return {"error": str(error), "position": error.position}
    return {"seen": seen.number, "numbers": list(found)}


def look(project: Project) -> Seen:
    """The pictures in folders and on the pile; read anew only when something changed."""
    shelf = place().shelf(project.name)
    root = project.dataset_dir
    key = (root, shelf.stamp, _loose_stamp(root))
    with _guard:
        known = _known.get(project.name)
        if known is None or known.key != key:
            sorting = sorting_of(
                shelf.dataset, index=place().index, caption_extension=shelf.extension
            )
            known = _known[project.name] = Seen(key, next(_numbers), sorting)
        return known


def _loose_stamp(root: Path) -> tuple[int, int]:
    """Another one whenever a file beside the folders came, went or changed."""
    files = [one for one in os.scandir(root) if one.is_file() and not one.name.startswith(".")]
    return len(files), sum(one.stat().st_mtime_ns for one in files)


def cards(project: Project, sorting: Sorting) -> list[Card]:
    """The folders, also empty ones, in the order in which they were made here; others by name."""
    found = [
        Card(one.folder.name, one.trigger, one.repeats, len(one.images), one.is_reg)
        for one in sorting.concepts
    ]
    there = {card.folder for card in found}
    for name in project.concepts():
        repeats, trigger = split_concept_name(name)
        if name not in there and repeats and not name.endswith(_MASKS):
            found.append(Card(name, trigger, repeats, 0, False))
    order = {name_key(one): place for place, one in enumerate(remembered(project).order)}
    return sorted(
        found,
        key=lambda card: (
            order.get(name_key(card.trigger), len(order)),
            natural_key(card.trigger),
            card.folder,
        ),
    )


def in_card_order(project: Project, sorting: Sorting) -> list[str]:
    """Names of the folders, in the order of their keys."""
    return [card.folder for card in cards(project, sorting)]


def card_of(project: Project, name: str) -> Card:
    """The folder that the page means; DatasetError when it is not there any more."""
    for card in cards(project, look(project).sorting):
        if card.folder == name:
            return card
    raise DatasetError("This folder is no longer there. It may have been renamed or moved.")


def named(project: Project, ids: Sequence[str]) -> list[Picture]:
    """The pictures of these ids, as the page saw them last, wherever they have gone meanwhile.

    Who sorts quickly does not wait for the folders to be read again: a picture that has moved since
    is known by its content.
    """
    known = _shown.get(project.name, {})
    if all(one in known and known[one].file.exists() for one in ids):
        return [known[one] for one in ids]
    now = {one.id: one for one in look(project).sorting.pictures}
    free: dict[str, list[Picture]] = {}
    for one in now.values():
        free.setdefault(one.sha256, []).append(one)
    found = []
    for id in ids:
        before = known.get(id)
        if id in now and (before is None or before.sha256 == now[id].sha256):
            picture = now[id]
        elif before is not None and free.get(before.sha256):
            picture = free[before.sha256][0]
        else:
            continue
        if picture in free[picture.sha256]:
            free[picture.sha256].remove(picture)
            found.append(picture)
    if not found:
        raise DatasetError("These pictures are no longer there. They may have been moved.")
    return found


def file_of(project: Project, sha: str) -> Path | None:
    """A picture that waits beside the folders, where no other section looks."""
    return next((one.file for one in look(project).sorting.pile if one.sha256 == sha), None)


# --- what a project remembers ---------------------------------------------------------------------


@dataclass(frozen=True)
class Remembered:
    """subject: what is trained, "" before it was chosen. order: triggers, as they were made.

    balanced: the last balance: {"operation": its number or null, "renamed": {old: new}}.
    """

    subject: str = ""
    order: tuple[str, ...] = ()
    balanced: dict[str, Any] | None = None


def remembered(project: Project) -> Remembered:
    """What project.json says; what does not fit is left out."""
    saved = project.read_settings().get(KEY)
    saved = saved if isinstance(saved, dict) else {}
    order = saved.get("order")
    balanced = saved.get("balanced")
    return Remembered(
        str(saved.get("subject", "")),
        tuple(one for one in order if isinstance(one, str)) if isinstance(order, list) else (),
        balanced if isinstance(balanced, dict) else None,
    )


def remember(project: Project, **values: Any) -> None:
    saved = project.read_settings().get(KEY)
    update_settings(project, **{KEY: {**(saved if isinstance(saved, dict) else {}), **values}})


def remember_folders(project: Project, triggers: Iterable[str]) -> None:
    """New folders come behind the others, so that the keys of these stay."""
    now = [card.trigger for card in cards(project, look(project).sorting)]
    remember(project, order=list(dict.fromkeys([*now, *triggers])))


def said(project: Project, outcome: Outcome) -> dict[str, Any]:
    """{title, changed: files, skipped: [[file, sentence]], skipped_count}; the folders are read anew
    at the next question."""
    place().forget(project.name)
    return {
        "title": outcome.operation.title if outcome.operation else "",
        "changed": len(outcome.changed),
        "skipped": [list(pair) for pair in outcome.skipped[:MAX_TOLD]],
        "skipped_count": len(outcome.skipped),
    }
