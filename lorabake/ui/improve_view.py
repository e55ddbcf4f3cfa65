"""What "Improving the quality" shows of the pictures: which need it, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

from lorabake.core.buckets import Size
from lorabake.core.errors import DatasetError, LorabakeError
from lorabake.core.workspace import Project
from lorabake.enhance.look import Look, kept_looks
from lorabake.enhance.needs import Need, enlarged, needs, usual_blur
from lorabake.enhance.sitting import MADE
from lorabake.recipe.plan import buckets_of
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import read_chosen
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.improve_looking import looking
from lorabake.ui.place import of_place, place

KINDS = ("small", "blurred")
MAX_UNREADABLE = 20


@dataclass(frozen=True)
class Figures:
    """What is known of the pictures, in the order of the shelf.

    looks: by sha256, as far as they were looked at; made: sha256 of those that were improved before;
    problem: why the recipe has no buckets, or "".
    """

    looks: Mapping[str, Look]
    needs: Sequence[tuple[Need, ...]]
    made: frozenset[str]
    buckets: Sequence[Size]
    usual: float
    resolution: int
    problem: str

    def count(self, kind: str) -> int:
        return sum(any(need.kind == kind for need in found) for found in self.needs)

    def wanted(self, shelf: Shelf) -> int:
        """How many need it and were not improved before."""
        pairs = zip(shelf.pictures, self.needs, strict=True)
        return sum(bool(found) and picture.sha not in self.made for picture, found in pairs)


@answered("look")
def lb_improve_rows(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {listing, folders, rows}.

    A row: [folder number, name, sha256, width, height, needs as bits in the order of KINDS,
    enlarged ×100, width of edges in px or null, improved before].
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    found = figures(project, shelf)
    folders = [concept.folder.name for concept in shelf.dataset.concepts]
    numbers = {name: i for i, name in enumerate(folders)}
    times = cache(lambda size: ceil(enlarged(size, found.buckets) * 100))
    rows = [
        [
            *(numbers[p.folder], p.path.name, p.sha, p.width, p.height),
            sum(1 << KINDS.index(need.kind) for need in raised),
            times((p.width, p.height)),
            look.blur if (look := found.looks.get(p.sha)) and look.blur else None,
            int(p.sha in found.made),
        ]
        for p, raised in zip(shelf.pictures, found.needs, strict=True)
    ]
    return {"listing": shelf.listing, "folders": folders, "rows": rows}


@answered("own")
def lb_improve_looking(data: dict[str, Any]) -> dict[str, Any]:
    """{project, do: stop or go on} → {}: the look through the pictures."""
    project = place().project(data.get("project"))
    if text(data, "do", limit=20) == "stop":
        looking.stop()
    else:
        looking.begin(project.name, place().shelf(project.name), again=True)
    return {}


def looking_row(shelf: Shelf) -> dict[str, Any]:
    """How far the look through the pictures is."""
    named = [
        [shelf.by_sha[sha].id, sentence]
        for sha, sentence in looking.unreadable.items()
        if sha in shelf.by_sha
    ]
    return {
        "running": looking.running,
        "stopped": looking.stopped and not looking.running,
        "done": looking.done,
        "total": looking.total,
        "problem": looking.problem,
        "unreadable": named[:MAX_UNREADABLE],
        "unreadable_count": len(named),
    }


def figures(project: Project, shelf: Shelf) -> Figures:
    """What the pictures need; computed anew only when something it comes from changed."""
    recipe = read_chosen(project).recipe
    key = (shelf.listing, looking.tick, recipe.general, recipe.bucket)
    known = _known.get(project.name)
    if known is not None and known[0] == key:
        return known[1]
    shas = [picture.sha for picture in shelf.pictures]
    looks = kept_looks(place().index, shas)
    usual = usual_blur(looks.values())
    buckets: Sequence[Size] = ()
    problem = ""
    try:
        buckets = buckets_of(recipe)
    except LorabakeError as error:
        problem = str(error)
    raised = [
        needs((picture.width, picture.height), looks.get(picture.sha), buckets, usual)
        for picture in shelf.pictures
    ]
    made = frozenset(place().index.facts(MADE, shas))
    found = Figures(looks, raised, made, buckets, usual, recipe.general.resolution, problem)
    _known.clear()  # one project is looked at; figures of ten thousand pictures take 30 MB
    _known[project.name] = (key, found)
    return found


_known: dict[str, tuple[Any, Figures]] = of_place(dict)


def wanted(project: str, shelf: Shelf) -> int | None:
    """How many pictures need it, as far as that was looked at; None when it was not."""
    known = _known.get(project)
    return known[1].wanted(shelf) if known and known[0][0] == shelf.listing else None


def picture_of(project: Project, data: dict[str, Any]) -> Picture:
    """The picture that the page means."""
    found = place().shelf(project.name).by_id.get(text(data, "id", limit=1000))
    if found is None:
        raise DatasetError("This picture is no longer there. It may have been moved or renamed.")
    return found
