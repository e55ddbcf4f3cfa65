"""Bake again: the best cells of a grid go back into the data set as pictures that a model painted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lorabake.collect.generated import read_infotext
from lorabake.collect.job import concept_folder
from lorabake.collect.own import Note, add_own
from lorabake.core.dataset import Concept, Dataset
from lorabake.core.errors import DatasetError, GridError
from lorabake.core.names import shown
from lorabake.core.sources import Baked
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Project
from lorabake.grid.job import MAX_CELLS
from lorabake.recipe.advice.captions import trigger_in_front
from lorabake.recipe.share import (
    CHECKLIST,
    MOST_GENERATED,
    Share,
    generated_pictures,
    generated_share,
)
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import update_settings
from lorabake.ui.grab_do import folder_rows
from lorabake.ui.grab_own import added_view
from lorabake.ui.grids import cell_path, open_grid, spot_of, taste
from lorabake.ui.place import place
from lorabake.ui.words import plural

MOST_REPEATS = 1000
MOST_CAPTION = 8000  # characters
LIMITS = (1, 99)  # percent
KEPT = "bake_again"  # in project.json


@dataclass(frozen=True)
class Cell:
    """A rendered picture of a grid, and who painted it. label: it in words."""

    path: Path
    label: str
    epoch: int
    weight: float
    seed: int


@answered("look")
def lb_again_look(data: dict[str, Any]) -> dict[str, Any]:
    """What baking again with these cells would be: their captions, the folder, the share.

    cells: names; count: how many of them passed. folder, trigger, repeats and limit are suggested
    where they are not given.
    """
    project = place().project(data.get("project"))
    dataset = place().shelf(project.name).dataset
    cells = [_cell(data, name) for name in _names(data.get("cells"))]
    teacher = _teacher(dataset)
    trigger = text(data, "trigger", limit=200) if "trigger" in data else _trigger(teacher)
    folder = text(data, "folder", limit=200).strip() if "folder" in data else _suggested(teacher)
    limit = _limit(project, data)
    repeats = number(data, "repeats", otherwise=1, low=1, high=MOST_REPEATS)
    there = _concept(project, dataset, folder, repeats) if folder else None
    rows = [_row(project, cell, trigger) for cell in cells]
    fresh = sum(not row["here"] for row in rows)
    return {
        "cells": rows,
        "checklist": [[check.name, check.label, check.help] for check in CHECKLIST],
        "folders": folder_rows(project),
        "folder": folder,
        "trigger": trigger,
        "limit": limit,
        "repeats": there.repeats if there else repeats,
        "fixed": there is not None,
        "share": _share_view(
            generated_share(dataset),
            number(data, "count", otherwise=fresh, low=0, high=MAX_CELLS),
            there.repeats if there else repeats,
            limit,
            fixed=there is not None,
        ),
    }


@answered("own")
def lb_again(data: dict[str, Any]) -> dict[str, Any]:
    """Take the cells that passed into a concept, as one step.

    pictures: a table each: name of the cell, caption, checked (the names of the checklist).
    """
    project = place().project(data.get("project"))
    listed = data.get("pictures")
    pictures = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    folder = text(data, "folder", limit=200).strip()
    if not pictures or len(pictures) > MAX_CELLS:
        raise GridError("Tick pictures of the grid first, and look at each of them.")
    if not folder:
        raise DatasetError("Choose the folder first that the pictures go into.")
    repeats = number(data, "repeats", otherwise=1, low=1, high=MOST_REPEATS)
    _concept(project, place().shelf(project.name).dataset, folder, repeats)
    run = text(data, "run", limit=200)
    notes: dict[Path, Note] = {}
    for one in pictures:
        cell = _cell(data, text(one, "name", limit=300))
        _require_checked(cell, one.get("checked"))
        caption = " ".join(text(one, "caption", limit=MOST_CAPTION).split())
        notes[cell.path] = Note(caption, Baked(run, cell.epoch, cell.weight, cell.seed))
    try:
        added = add_own(
            place().workspace,
            project.name,
            list(notes),
            folder,
            repeats=repeats,
            extension=place().caption_extension(project),
            notes=notes,
        )
    finally:
        place().forget(project.name)
    return added_view(added, folder, project)


# --- the cells -----------------------------------------------------------------------------------


def _names(value: object) -> list[str]:
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(names))[:MAX_CELLS]


def _cell(data: dict[str, Any], name: str) -> Cell:
    """A cell by the name of its file, which must be one of the plan's, and rendered."""
    where = [text(data, key, limit=200) for key in ("project", "run", "grid")]
    path = cell_path(where[0], where[1], where[2], name)
    if not path.is_file():
        raise GridError("A picture that was ticked is not rendered yet. Wait for it, or untick it.")
    opened, spot = open_grid(path.parent), spot_of(path.parent, name)
    found = taste(path.parent, opened, spot)
    if found.epoch is None or found.weight is None:
        raise GridError(f"{opened.label(spot)} cannot be baked again. {found.why}")
    return Cell(path, opened.label(spot), found.epoch, found.weight, spot.shot.seed)


def _row(project: Project, cell: Cell, trigger: str) -> dict[str, Any]:
    here = place().shelf(project.name).by_sha.get(place().index.probe(cell.path).sha256)
    return {
        "name": cell.path.name,
        "label": cell.label,
        "seed": cell.seed,
        "caption": with_trigger(_prompt(cell.path, cell.path.stat().st_mtime_ns), trigger),
        "here": f"It is here already: {here.id}." if here else "",
    }


@lru_cache(maxsize=4 * MAX_CELLS)
def _prompt(path: Path, _time: int) -> str:
    """As adding one's own takes it out of the file. It is asked at every letter that is typed."""
    infotext = read_infotext(path)
    return infotext.caption if infotext else ""


def with_trigger(caption: str, trigger: str) -> str:
    """`1girl, ohwx` → `ohwx, 1girl`; a trigger may be several tags."""
    front = [tag.strip() for tag in trigger.split(",") if tag.strip()]
    keys = set(map(tag_key, front))
    tags = [tag.strip() for tag in caption.split(",")]
    return ", ".join([*front, *(tag for tag in tags if tag and tag_key(tag) not in keys)])


def _require_checked(cell: Cell, checked: object) -> None:
    passed = checked if isinstance(checked, list) else []
    open_ = [check.label.lower() for check in CHECKLIST if check.name not in passed]
    if open_:
        raise GridError(
            f"The picture of {cell.label} has not passed yet: {', '.join(open_)}. "
            "Look at it once more, or leave it out."
        )


# --- where they go, and what the data set would then be ----------------------------------------


def _teacher(dataset: Dataset) -> Concept | None:
    """The concept that these pictures are of, most likely: the largest that no model painted."""
    painted = generated_pictures(dataset)
    own = [
        (sum(image.sha256 not in painted for image in concept.images), concept)
        for concept in dataset.concepts
        if not concept.is_reg
    ]
    return max(own, key=lambda pair: pair[0])[1] if own else None


def _trigger(concept: Concept | None) -> str:
    return trigger_in_front(concept) if concept else ""


def _suggested(concept: Concept | None) -> str:
    """A folder of their own, so that they have repeats of their own."""
    name = concept.trigger if concept else ""
    return name if name.endswith("generated") else f"{name} generated".strip()


def _concept(project: Project, dataset: Dataset, folder: str, repeats: int) -> Concept | None:
    """The concept that this name means; None for a new one."""
    name = concept_folder(project.dataset_dir, folder, repeats)
    found = next((one for one in dataset.concepts if one.folder.name == name), None)
    if found is not None and found.is_reg:
        raise DatasetError(
            f"{shown(name)} is marked as regularisation, so nothing in it is learned. "
            "Choose another folder."
        )
    return found


def _limit(project: Project, data: dict[str, Any]) -> int:
    """In percent: as asked, which the project remembers; as last time; or the usual one."""
    kept = project.read_settings().get(KEPT)
    before = number(
        kept if isinstance(kept, dict) else {},
        "limit",
        otherwise=MOST_GENERATED,
        low=LIMITS[0],
        high=LIMITS[1],
    )
    limit = number(data, "limit", otherwise=before, low=LIMITS[0], high=LIMITS[1])
    if limit != before:
        update_settings(project, **{KEPT: {"limit": limit}})
    return limit


def _share_view(now: Share, count: int, repeats: int, limit: int, *, fixed: bool) -> dict[str, Any]:
    then = now.with_more(count, repeats)
    said = (
        f"Generated pictures would be {then.percent:.0f} % of what an epoch shows "
        f"({then.generated:,} of {then.shown:,}); now they are {now.percent:.0f} %."
    )
    if not count or not then.is_over(limit):
        return {"level": "info", "said": said}
    return {
        "level": "warn",
        "said": f"{said} Your limit is {limit} %. {_what_fits(now.room(limit), count, repeats, fixed=fixed)}",
    }


def _what_fits(room: int, count: int, repeats: int, *, fixed: bool) -> str:
    """How to stay within the limit. room: how often generated pictures more may be shown."""
    ways = []
    if not fixed and room >= count:
        those = "it" if count == 1 else f"all {count}"
        ways.append(f"with {plural(room // count, 'repeat')} {those} would fit")
    if repeats <= room:
        ways.append(f"with {plural(repeats, 'repeat')} {room // repeats} of them would fit")
    if not ways and room:
        where = "in a new folder " if fixed else ""
        ways.append(f"{where}with 1 repeat {min(room, count)} of them would fit")
    if not ways:
        return "Not one would fit: add pictures first that no model painted."
    sentence = "; ".join(ways)
    return f"{sentence[0].upper()}{sentence[1:]}."
