"""Laying one small copy on another: turned, and moved until what both show lies on itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.duplicates.candidates import turned
from lorabake.duplicates.prints import Look

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_LEVELS = ((32, 8), (64, 4), (128, 3))  # px a side, and steps at most: from rough to fine
_SETTLED = 0.04  # px at this level; a smaller step ends it
_LEAST_ALIKE = 0.92  # correlation after the rough search; less will not become a copy
_FLAT = 2.0  # levels of spread
_LEAST = 8  # px a side that both have to show


@dataclass(frozen=True)
class Box:
    """Where the whole of the other picture lies, in parts of this one's width and height."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def is_whole(self) -> bool:
        return max(abs(self.left), abs(self.top), abs(self.right - 1), abs(self.bottom - 1)) < 0.02

    def inside(self) -> Box:
        """The part of it that this picture has."""
        return Box(
            max(0.0, self.left), max(0.0, self.top), min(1.0, self.right), min(1.0, self.bottom)
        )


WHOLE = Box(0, 0, 1, 1)


@dataclass(frozen=True)
class Planes:
    """Brightness, blue and red of a look, uint8; where only glass is drawn, how solid it is.

    solid: None when all of it is.
    """

    luma: NDArray[np.uint8]
    blue: NDArray[np.uint8]
    red: NDArray[np.uint8]
    solid: NDArray[np.uint8] | None
    is_hidden: bool = False

    def turned(self, turn: int) -> Planes:
        if not turn:
            return self
        solid = None if self.solid is None else turned(self.solid, turn)
        luma, blue, red = (turned(layer, turn) for layer in (self.luma, self.blue, self.red))
        return Planes(luma, blue, red, solid, self.is_hidden)


def planes(look: Look) -> Planes:
    import numpy as np

    solid = look.solid
    if solid is not None and look.luma.std() < _FLAT <= solid.std():
        grey = np.full(look.blue.shape, 128, np.uint8)
        return Planes(solid, grey, grey, solid, is_hidden=True)
    return Planes(look.luma, look.blue, look.red, solid)


def refined(one: Planes, two: Planes, start: Box) -> Box | None:
    """The box of `one` that `two` fills, from a guess that is a twentieth of the side off at most.

    Lucas and Kanade's method for two scales and two shifts, with gain and offset (Baker and
    Matthews, "Lucas-Kanade 20 Years On", 2004); None when it runs away.
    """
    import numpy as np

    a, b = one.luma.astype(np.float32), two.luma.astype(np.float32)
    box, alike = start, 0.0
    for side, steps in _LEVELS:
        x, y = _reduced(a, side), _reduced(b, side)
        for _ in range(steps):
            found = _step(x, y, box)
            if found is None:
                return None
            before, (box, alike) = box, found
            if _furthest(before, box) * side < _SETTLED:
                break
        if alike < _LEAST_ALIKE:
            return None
    return box


def _furthest(one: Box, other: Box) -> float:
    return max(
        *(abs(one.left - other.left), abs(one.right - other.right)),
        *(abs(one.top - other.top), abs(one.bottom - other.bottom)),
    )


def laid(one: Planes, two: Planes, box: Box) -> tuple[list[Floats], list[Floats]] | None:
    """What both show, of the one and of the other, at the coarser one's scale: luma, blue, red.

    Then how solid both are, if both have glass. None when they share next to nothing.
    """
    part = box.inside()
    other = Box(
        (part.left - box.left) / box.width,
        (part.top - box.top) / box.height,
        1 - (box.right - part.right) / box.width,
        1 - (box.bottom - part.bottom) / box.height,
    )
    (tall, wide), (tall2, wide2) = one.luma.shape, two.luma.shape
    width = round(min(part.width * wide, other.width * wide2))
    height = round(min(part.height * tall, other.height * tall2))
    if width < _LEAST or height < _LEAST:
        return None
    both = one.solid is not None and two.solid is not None
    found: tuple[list[Floats], list[Floats]] = ([], [])
    for layers, picture, place in ((found[0], one, part), (found[1], two, other)):
        layers.append(_cut(picture.luma, place, width, height))
        for layer in (picture.blue, picture.red):
            layers.append(_cut(layer, place, -(-width // 2), -(-height // 2)))
        if both and picture.solid is not None:
            layers.append(_cut(picture.solid, place, width, height))
    return found


def _cut(layer: NDArray[np.uint8], box: Box, width: int, height: int) -> Floats:
    import numpy as np
    from PIL import Image

    tall, wide = layer.shape
    edges = (box.left * wide, box.top * tall, box.right * wide, box.bottom * tall)
    if (wide, tall) == (width, height) and edges == (0, 0, wide, tall):
        return layer.astype(np.float32)
    edges = (max(0, edges[0]), max(0, edges[1]), min(wide, edges[2]), min(tall, edges[3]))
    small = Image.fromarray(np.ascontiguousarray(layer)).resize(
        (width, height), Image.Resampling.BILINEAR, box=edges
    )
    return np.asarray(small, dtype=np.float32)


def _reduced(layer: Floats, side: int) -> Floats:
    import numpy as np
    from PIL import Image

    size = (min(side, layer.shape[1]), min(side, layer.shape[0]))
    if size == layer.shape[::-1]:
        return layer
    return np.asarray(Image.fromarray(layer).resize(size, Image.Resampling.BILINEAR))


def _step(a: Floats, b: Floats, box: Box) -> tuple[Box, float] | None:
    """A better box, and how well both agree where the old one is (correlation)."""
    import numpy as np

    (x, across), (y, down) = (
        _places(a.shape[1], b.shape[1], box.left, box.right),
        _places(a.shape[0], b.shape[0], box.top, box.bottom),
    )
    if len(x) < _LEAST or len(y) < _LEAST:
        return None
    seen = _sampled(b, down, across)
    wanted = a[np.ix_((y * a.shape[0]).astype(np.intp), (x * a.shape[1]).astype(np.intp))]
    rise, fall = np.zeros_like(seen), np.zeros_like(seen)
    rise[:, 1:-1] = (seen[:, 2:] - seen[:, :-2]) * (a.shape[1] / 2)  # levels per width of `one`
    fall[1:-1] = (seen[2:] - seen[:-2]) * (a.shape[0] / 2)
    grid_x, grid_y = np.broadcast_to(x, seen.shape), np.broadcast_to(y[:, None], seen.shape)
    columns = np.stack(
        [
            layer.ravel()
            for layer in (rise, rise * grid_x, fall, fall * grid_y, seen, np.ones_like(seen))
        ]
    ).astype(np.float32)
    square = (columns @ columns.T).astype(np.float64)
    square[np.diag_indices(6)] *= 1.0001  # a picture of one stripe says nothing about some of them
    try:
        found = np.linalg.solve(square, (columns @ wanted.ravel()).astype(np.float64))
    except np.linalg.LinAlgError:
        return None
    if not 0.1 < abs(found[4]) < 10:
        return None
    by_x, wider, by_y, taller = np.clip(found[:4] / found[4], -0.1, 0.1)
    left, right = _moved(box.left, box.right, by_x, wider)
    top, bottom = _moved(box.top, box.bottom, by_y, taller)
    if not (0.4 < right - left < 2.5 and 0.4 < bottom - top < 2.5):
        return None
    return Box(left, top, right, bottom), _correlation(seen, wanted)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(1e-6, float((a * a).sum() * (b * b).sum()) ** 0.5))


def _moved(start: float, end: float, by: float, wider: float) -> tuple[float, float]:
    """A place p is looked up at p + by + wider · p from now on."""
    start, length = (start - by) / (1 + wider), (end - start) / (1 + wider)
    return float(start), float(start + length)


def _places(count: int, other: int, start: float, end: float) -> tuple[Floats, Floats]:
    """Middles of pixels, in parts of the side, that both have; and where they lie in the other."""
    import numpy as np

    middles = (np.arange(count, dtype=np.float32) + 0.5) / count
    part = (middles - start) / (end - start)
    both = (part >= 0) & (part <= 1)
    places: Floats = (part[both] * other - 0.5).astype(np.float32)
    return middles[both].astype(np.float32), places


def _sampled(layer: Floats, down: Floats, across: Floats) -> Floats:
    """Values between pixels: linear."""
    import numpy as np

    for axis, places in ((0, down), (1, across)):
        last = layer.shape[axis] - 1
        first = np.clip(np.floor(places), 0, max(0, last - 1)).astype(np.intp)
        share = np.clip(places - first, 0, 1)
        share = share[:, None] if axis == 0 else share
        low, high = layer.take(first, axis), layer.take(np.minimum(first + 1, last), axis)
        layer = low + (high - low) * share
    return layer
