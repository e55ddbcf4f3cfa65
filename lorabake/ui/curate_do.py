"""What "Curating" does: keep, star, bin, cut; each a step that one undo takes back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from lorabake.core.dataset import DatasetImage
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome
from lorabake.core.marks import Marks, change_marks
from lorabake.core.names import shown
from lorabake.core.pictures import bin_pictures
from lorabake.core.workspace import Project
from lorabake.curate.applying import apply_crops, tags_of_cut
from lorabake.curate.crop import (
    Box,
    bars_box,
    box_from,
    bucket_shapes,
    crops_of,
    set_crops,
    snap,
)
from lorabake.curate.views import suggest
from lorabake.recipe.plan import buckets_of
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import read_chosen
from lorabake.ui.collection import Picture
from lorabake.ui.curate_view import KEPT, STARS, figures, picture_of, pictures_shown, room_row
from lorabake.ui.editing import told
from lorabake.ui.place import place
from lorabake.ui.together import known_ids
from lorabake.ui.words import plural

ORIGIN = "curating"
MAX_IDS = 100_000
MAX_SENT = 60  # boxes in one question

# deed → (mark, whether it is set, what the history calls it)
_MARKINGS = {
    "star": (STARS, True, "Star"),
    "unstar": (STARS, False, "Take the star from"),
    "keep": (KEPT, True, "Keep"),
    "unkeep": (KEPT, False, "Look again at"),
}


@answered("own")
def lb_curate_deed(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, do: star, unstar, keep, unkeep or bin} → {title, changed, skipped, pictures}.

    Nothing is scanned anew: that others do when they look next.
    """
    project = place().project(data.get("project"))
    pictures = pictures_shown(project, known_ids(data, MAX_IDS))
    deed = text(data, "do", limit=20)
    if not pictures:
        raise DatasetError("These pictures are no longer there. They may have been moved.")
    if deed == "bin":
        title = f"Move {_named(pictures)} to the bin"
        outcome = bin_pictures(
            project.dataset_dir, [picture.path for picture in pictures], title, origin=ORIGIN
        )
        return {**_said(outcome), "pictures": len(pictures)}
    if deed not in _MARKINGS:
        raise DatasetError("This cannot be done here. Reload the page.")
    name, wanted, words = _MARKINGS[deed]
    change = partial(_marked, shas=[picture.sha for picture in pictures], wanted=wanted)
    outcome = change_marks(
        project.dataset_dir, name, change, f"{words} {_named(pictures)}", origin=ORIGIN
    )
    return {**_said(outcome), "pictures": len(pictures)}


@answered("look")
def lb_curate_boxes(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id} → {boxes, suggested, bars, shapes: [[width, height]]} of one picture."""
    project = place().project(data.get("project"))
    picture = picture_of(project, data)
    size = (picture.width, picture.height)
    shelf = place().shelf(project.name)
    at = next(i for i, one in enumerate(shelf.pictures) if one.id == picture.id)
    measured = figures(project, shelf).measures[at]
    bars = bars_box(size, measured.letterbox) if measured else None
    return {
        **_with_rooms(project, picture, crops_of(project.dataset_dir, picture.sha)),
        "suggested": [_row(box) for box in suggest(picture.path, size)],
        "bars": _row(bars) if bars else None,
        "shapes": [list(shape) for shape in bucket_shapes(_buckets(project))],
    }


@answered("look")
def lb_curate_box(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, box, shape: [w, h] or null} → {box}: the box in the shape of a bucket."""
    project = place().project(data.get("project"))
    picture = picture_of(project, data)
    [box] = _boxes({"boxes": [data.get("box")]})
    shape = data.get("shape")
    buckets = _buckets(project)
    wanted = next((one for one in buckets if isinstance(shape, list) and list(one) == shape), None)
    return {"box": _row(snap(box, buckets, (picture.width, picture.height), wanted))}


@answered("own")
def lb_curate_keep_boxes(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, boxes} → {boxes with what the recipe makes of each}; kept, not yet cut."""
    project = place().project(data.get("project"))
    picture = picture_of(project, data)
    size = (picture.width, picture.height)
    set_crops(project.dataset_dir, picture.sha, size, _boxes(data))
    return _with_rooms(project, picture, crops_of(project.dataset_dir, picture.sha))


@answered("own")
def lb_curate_cut(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, boxes, keep, single} → what was done. keep: the original stays beside the cuts.

    single: tags such as `multiple views` are left out of the cuts' captions.
    """
    project = place().project(data.get("project"))
    picture = picture_of(project, data)
    boxes = _boxes(data)
    outcome = apply_crops(
        project.dataset_dir,
        image_of(project, picture),
        boxes,
        keep_original=data.get("keep") is not False,
        change_tags=tags_of_cut if data.get("single") is not False else None,
    )
    added = [path for path in outcome.changed if path.endswith(".png")]
    return {**told(project.name, outcome), "cuts": len(boxes), "added": added[:MAX_SENT]}


def image_of(project: Project, picture: Picture) -> DatasetImage:
    """The same as the data set's own entry, with where its caption comes from."""
    for image in place().shelf(project.name).dataset.images:
        if image.path == picture.path:
            return image
    raise DatasetError(f"{shown(picture.path.name)} is no longer there.")


def _named(pictures: Sequence[Picture]) -> str:
    first = pictures[0].path.name
    return first if len(pictures) == 1 else plural(len(pictures), "picture")


def _marked(marks: Marks, *, shas: Sequence[str], wanted: bool) -> Marks:
    left = {sha: value for sha, value in marks.items() if sha not in set(shas)}
    return {**left, **dict.fromkeys(shas, 1)} if wanted else left


def _said(outcome: Outcome) -> dict[str, Any]:
    """As `told` does, without a look at the folders."""
    return {
        "title": outcome.operation.title if outcome.operation else "",
        "changed": len(outcome.changed),
        "skipped": [list(pair) for pair in outcome.skipped],
        "skipped_count": len(outcome.skipped),
    }


def _buckets(project: Project) -> list[tuple[int, int]]:
    return buckets_of(read_chosen(project).recipe)


def _boxes(data: dict[str, Any]) -> list[Box]:
    listed = data.get("boxes")
    sent = listed[:MAX_SENT] if isinstance(listed, list) else []
    return [box_from(one if isinstance(one, dict) else {}) for one in sent]


def _row(box: Box) -> dict[str, Any]:
    return {
        "left": box.left,
        "top": box.top,
        "width": box.width,
        "height": box.height,
        "rotate": box.rotate,
        "pad": box.pad,
    }


def _with_rooms(project: Project, picture: Picture, boxes: Sequence[Box]) -> dict[str, Any]:
    fits = figures(project, place().shelf(project.name)).fits
    return {
        "boxes": [
            {**_row(box), "room": room_row(fits(box.size) if fits else None)} for box in boxes
        ],
        "picture": picture.id,
    }


CALLS = (
    lb_curate_deed,
    lb_curate_boxes,
    lb_curate_box,
    lb_curate_keep_boxes,
    lb_curate_cut,
)
