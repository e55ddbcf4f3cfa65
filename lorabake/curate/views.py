"""Suggested boxes for a picture with several views: where background goes through between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core import image
from lorabake.core.buckets import Size
from lorabake.core.image import RGB
from lorabake.curate.crop import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIDE = 512  # px of the copy that is looked at
_LEVELS = 26  # grey levels; what differs more from the background is drawn
_BACKGROUND = 0.6  # share of the border that has to be of one colour
_SPECKS = 0.006  # share of a line that may be drawn on, and it still counts as background
_GAP = 0.012  # of the longest side: the thinnest gap between two views
_LEAST = 0.02  # share of the picture's area …
_NARROWEST = 0.08  # … and of its sides, that a view has
_VALLEY = 0.35  # of the lower neighbour: figures that touch are parted where least is drawn
_AROUND = 0.01  # of the longest side, left around each view
_DEEPEST = 4

Span = tuple[int, int]


def suggest(path: Path, size: Size) -> list[Box]:
    """Boxes around the views, in reading order; [] when it looks like a single one.

    size: px (width, height) of the upright original, in which the boxes are.
    """
    small = image.load_small(path, _SIDE)
    scale = size[0] / small.shape[1], size[1] / small.shape[0]
    found = []
    for left, top, right, bottom in suggest_in(small):
        x, y = round(left * scale[0]), round(top * scale[1])
        wide, high = round((right - left) * scale[0]), round((bottom - top) * scale[1])
        found.append(Box(x, y, min(wide, size[0] - x), min(high, size[1] - y)))
    return found


def suggest_in(rgb: RGB) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of each view in these pixels."""
    drawn = _drawn(rgb)
    if drawn is None:
        return []
    height, width = drawn.shape
    parts = [
        part
        for part in _parts(drawn, (0, 0, width, height), _DEEPEST)
        if _is_view(part, width, height)
    ]
    if len(parts) < 2:
        parts = _at_valley(drawn)
    around = round(_AROUND * max(width, height))
    return [
        (
            max(0, left - around),
            max(0, top - around),
            min(width, right + around),
            min(height, bottom + around),
        )
        for left, top, right, bottom in parts
    ]


def _drawn(rgb: RGB) -> NDArray[np.bool_] | None:
    """What differs from the border's colour, (H, W); None when the border has no one colour."""
    import numpy as np

    border = np.concatenate((rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1])).astype(np.int16)
    colour = np.median(border, axis=0)
    if float((np.abs(border - colour).max(axis=1) <= _LEVELS).mean()) < _BACKGROUND:
        return None
    return np.abs(rgb.astype(np.int16) - colour).max(axis=2) > _LEVELS


Part = tuple[int, int, int, int]


def _parts(drawn: NDArray[np.bool_], part: Part, depth: int) -> Iterator[Part]:
    """Cut along the gaps that go right through, again and again (an XY-cut)."""
    left, top, right, bottom = part
    area = drawn[top:bottom, left:right]
    if not area.any():
        return
    thinnest = max(3, round(_GAP * max(drawn.shape)))
    rows = _spans(area.mean(axis=1) > _SPECKS, thinnest)
    columns = _spans(area.mean(axis=0) > _SPECKS, thinnest)
    if not rows or not columns:
        return
    if depth and len(rows) > 1 and len(rows) >= len(columns):
        for start, end in rows:
            yield from _parts(drawn, (left, top + start, right, top + end), depth - 1)
    elif depth and len(columns) > 1:
        for start, end in columns:
            yield from _parts(drawn, (left + start, top, left + end, bottom), depth - 1)
    else:
        yield (
            left + columns[0][0],
            top + rows[0][0],
            left + columns[-1][1],
            top + rows[-1][1],
        )


def _spans(marked: NDArray[np.bool_], thinnest: int) -> list[Span]:
    """Runs of marked places; gaps narrower than `thinnest` do not part them."""
    import numpy as np

    places = np.flatnonzero(marked)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > thinnest)
    starts = [int(places[0]), *(int(places[b + 1]) for b in breaks)]
    ends = [*(int(places[b]) + 1 for b in breaks), int(places[-1]) + 1]
    return list(zip(starts, ends, strict=True))


def _is_view(part: Part, width: int, height: int) -> bool:
    wide, high = part[2] - part[0], part[3] - part[1]
    return (
        wide * high >= _LEAST * width * height
        and wide >= _NARROWEST * width
        and high >= _NARROWEST * height
    )


def _at_valley(drawn: NDArray[np.bool_]) -> list[Part]:
    """Two figures side by side that touch: parted at the column where least is drawn."""
    import numpy as np

    height, width = drawn.shape
    profile: NDArray[Any] = np.convolve(
        drawn.sum(axis=0), np.ones(9) / 9, mode="same"
    )  # smoothed: hair is no gap
    first, last = width // 4, width - width // 4
    if last - first < 8:
        return []
    at = first + int(np.argmin(profile[first:last]))
    if profile[at] > _VALLEY * min(profile[:at].max(), profile[at:].max()):
        return []
    halves = [
        part
        for side in ((0, 0, at, height), (at, 0, width, height))
        for part in _parts(drawn, side, 0)
    ]
    return halves if len(halves) == 2 and all(_is_view(p, width, height) for p in halves) else []
