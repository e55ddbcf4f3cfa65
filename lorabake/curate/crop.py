"""Cuts of a picture: a list of boxes that changes nothing until it is applied.

Boxes are px of the upright original. They are kept by content (core.marks, "crops"), so the list
survives renaming, and an undone cut finds its boxes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lorabake.core.buckets import Size, select_bucket
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome
from lorabake.core.image import is_readable, matte_colour
from lorabake.core.marks import change_marks, read_marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKS: Final = "crops"
MAX_BOXES: Final = 50  # of one picture
MIN_SIDE: Final = 16  # px
_FAR: Final = 100_000  # px; farther is no box of a picture that is read
TURNS: Final = (0, 90, 180, 270)
EDGE: Final = "edge"  # as `pad`: the outermost pixels go on


@dataclass(frozen=True)
class Box:
    """One cut. left, top, width, height: px of the upright original, before turning.

    rotate: degrees clockwise, done to what was cut out. pad: "" keeps the box inside the picture;
    otherwise it may reach beyond, where this colour is ("#rrggbb", or "edge").
    """

    left: int
    top: int
    width: int
    height: int
    rotate: int = 0
    pad: str = ""

    @property
    def size(self) -> Size:
        """(width, height) of the result, px."""
        turned = self.rotate in (90, 270)
        return (self.height, self.width) if turned else (self.width, self.height)


def bucket_shapes(buckets: Sequence[Size]) -> tuple[Size, ...]:
    """Shapes to snap to, the squarest first, upright before lying. buckets: recipe.plan.buckets_of."""
    return tuple(sorted(set(buckets), key=lambda s: (round(abs(log(s[0] / s[1])), 6), s[0] > s[1])))


def fitted(box: Box, size: Size) -> Box:
    """The box moved and made smaller until it is inside the picture; a padded one may reach out."""
    if box.pad:
        return box
    width, height = min(box.width, size[0]), min(box.height, size[1])
    left = min(max(box.left, 0), size[0] - width)
    top = min(max(box.top, 0), size[1] - height)
    return replace(box, left=left, top=top, width=width, height=height)


def snap(box: Box, buckets: Sequence[Size], size: Size, shape: Size | None = None) -> Box:
    """The box with the shape of a bucket: the given one, else the nearest.

    Area and centre stay as far as the picture allows; with `pad` they stay exactly.
    """
    shape = shape or select_bucket(box.size, buckets)
    wide, high = (shape[1], shape[0]) if box.rotate in (90, 270) else shape
    scale = (box.width * box.height / (wide * high)) ** 0.5
    if not box.pad:
        scale = min(scale, size[0] / wide, size[1] / high)
    width, height = max(1, round(wide * scale)), max(1, round(high * scale))
    left = box.left + (box.width - width) // 2
    top = box.top + (box.height - height) // 2
    return fitted(replace(box, left=left, top=top, width=width, height=height), size)


def crops_of(root: Path, sha: str) -> tuple[Box, ...]:
    """The boxes of the picture with this content, in the order they were drawn."""
    return _boxes(read_marks(root, MARKS).get(sha))


def all_crops(root: Path) -> dict[str, tuple[Box, ...]]:
    """sha256 → boxes, of the pictures that have some."""
    found = {sha: _boxes(kept) for sha, kept in read_marks(root, MARKS).items()}
    return {sha: boxes for sha, boxes in found.items() if boxes}


def set_crops(root: Path, sha: str, size: Size, boxes: Sequence[Box]) -> Outcome:
    """Keep this list for a picture, as a step that can be undone; an empty one forgets it."""
    kept = [_row(checked(box, size)) for box in boxes]
    if len(kept) > MAX_BOXES:
        raise DatasetError(f"One picture has at most {MAX_BOXES} boxes. Remove some.")

    def change(marks: dict[str, Any]) -> dict[str, Any]:
        marks.pop(sha, None)
        return {**marks, sha: kept} if kept else marks

    title = "Boxes of a picture" if kept else "No boxes"
    return change_marks(root, MARKS, change, title, origin="curating")


def checked(box: Box, size: Size) -> Box:
    """The box as it can be cut; DatasetError when nothing of the picture would be in it."""
    if box.rotate not in TURNS:
        raise DatasetError(f"A cut is turned by 0, 90, 180 or 270 degrees, not by {box.rotate}.")
    if box.pad and box.pad != EDGE:
        matte_colour(box.pad)
    if min(box.width, box.height) < MIN_SIDE:
        raise DatasetError(
            f"A box of {box.width} × {box.height} px is too small to cut. Enlarge it."
        )
    inside = (
        box.left < size[0]
        and box.top < size[1]
        and box.left + box.width > 0
        and box.top + box.height > 0
    )
    if not inside:
        raise DatasetError("A box lies beside the picture. Move it over the picture.")
    kept = fitted(box, size)
    if max(box.width, box.height) > 4 * max(size) or not is_readable(kept.size):
        raise DatasetError("A box is far larger than the picture. Make it smaller.")
    return kept


def cut(pixels: NDArray[Any], box: Box) -> NDArray[Any]:
    """What the box holds, turned. pixels: (H, W, channels); a fourth channel is how solid it is."""
    import numpy as np

    height, width, channels = pixels.shape
    box = checked(box, (width, height))
    rows = np.arange(box.top, box.top + box.height)
    columns = np.arange(box.left, box.left + box.width)
    part = pixels[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :]]
    if box.pad and box.pad != EDGE:
        outside = ((rows < 0) | (rows >= height))[:, None] | ((columns < 0) | (columns >= width))
        part[outside] = (*matte_colour(box.pad), 255)[:channels]
    return np.ascontiguousarray(np.rot90(part, -box.rotate // 90))


def bars_box(size: Size, letterbox: tuple[float, float, float, float]) -> Box | None:
    """The picture without its bars (shares, see Measures); None when there are none."""
    if not any(letterbox):
        return None
    width, height = size
    left, top, right, bottom = letterbox
    # Rounded inwards and a pixel more: a line of the bar that stays is seen by the model.
    x, y = (round(left * width) + 1 if left else 0), (round(top * height) + 1 if top else 0)
    right_end = width - (round(right * width) + 1 if right else 0)
    lower_end = height - (round(bottom * height) + 1 if bottom else 0)
    return Box(x, y, right_end - x, lower_end - y)


def box_from(values: Mapping[str, Any]) -> Box:
    """A box as a page or a file says it; DatasetError when that is none."""
    try:
        numbers = [round(float(values[name])) for name in ("left", "top", "width", "height")]
        rotate, pad = int(values.get("rotate", 0)), str(values.get("pad", ""))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError("This is no box. Draw it again.") from error
    if any(abs(number) > _FAR for number in numbers):
        raise DatasetError("A box is far larger than the picture. Make it smaller.")
    left, top, width, height = numbers
    return Box(left, top, width, height, rotate, pad)


def _row(box: Box) -> list[Any]:
    return [box.left, box.top, box.width, box.height, box.rotate, box.pad]


def _boxes(kept: object) -> tuple[Box, ...]:
    """What was kept; entries that are none (somebody edited the file) are left out."""
    found: list[Box] = []
    for row in kept if isinstance(kept, list) else ():
        match row:
            case [int(left), int(top), int(width), int(height), int(rotate), str(pad)]:
                found.append(Box(left, top, width, height, rotate, pad))
    return tuple(found[:MAX_BOXES])
