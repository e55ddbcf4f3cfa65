"""Which pairs of pictures deserve a closer look: all against all, by figures that cost little.

Everything is matrix products on prints, block by block, so that ten thousand pictures take seconds
and the memory stays the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from lorabake.core.errors import Stopped
from lorabake.duplicates.prints import COARSE, GRID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Number = TypeVar("Number", bound=np.generic)
    Floats = NDArray[np.float32]
    Ints = NDArray[np.intp]

CANDIDATES = "duplicates-candidates-2"  # a new number whenever they are chosen differently
STOPPED = "Looking for duplicates was stopped. What was looked at is kept."
TURNS = tuple(range(8))  # quarter turns to the left, plus 4: mirrored before
_ROWS = 512  # pictures at once
_WAVES = 8  # half waves a side by which a whole picture is known
_ALIKE = 0.95  # of these waves, for two whole pictures
_ALIKE_PIXELS = 0.94  # of 32 × 32 pixels
_BOX_WAVES = 7
_BOX_ALIKE = 0.935  # of a piece's waves with those of a box
_SAME_COLOURS = 0.94  # Bhattacharyya coefficient of two pictures' colours
_ROUGHLY_ALIKE = 0.6  # of 4 × 4 waves, for a picture and its piece
_FLAT = 2.0  # levels of spread; less is no drawing
_SPANS = ((0, 1), (0, 0.9), (0.1, 1), (0.05, 0.95), (0.1, 0.9), (0, 0.8), (0.2, 1))
BOXES = tuple((x, y) for y in _SPANS for x in _SPANS)[1:]  # ((left, right), (top, bottom))
_CROP_TURNS = (0, 4)


@dataclass(frozen=True)
class Candidate:
    """`two`, turned by `turn`, may be `one`, or the part of it in BOXES[box]; box −1 for all of it."""

    one: int
    two: int
    turn: int
    box: int = -1


@dataclass(frozen=True)
class Prints:
    """luma: (N, 32, 32), the picture's brightness, or how solid it is where that alone is drawn.

    colours: (N, 125), roots of the shares of its colours. flat: (N,), nothing is drawn.
    """

    luma: Floats
    colours: Floats
    flat: NDArray[np.bool_]


def read_prints(data: list[bytes]) -> Prints:
    import numpy as np

    raw = np.frombuffer(b"".join(data), dtype=np.uint8).reshape(len(data), -1)
    area, small = GRID * GRID, COARSE * COARSE
    luma = raw[:, :area].astype(np.float32).reshape(-1, GRID, GRID)
    blue, red, solid = (
        raw[:, area + k * small : area + (k + 1) * small].reshape(-1, COARSE, COARSE)
        for k in range(3)
    )
    # White lines on glass: on white they are not there.
    hidden = (luma.std(axis=(1, 2)) < _FLAT) & (solid.std(axis=(1, 2)) >= _FLAT)
    luma[hidden] = solid[hidden].repeat(2, axis=1).repeat(2, axis=2)
    colours = np.concatenate(
        [
            _colours(luma[at : at + 256], blue[at : at + 256], red[at : at + 256])
            for at in range(0, len(data), 256)
        ]
    )
    return Prints(luma, colours, luma.std(axis=(1, 2)) < _FLAT)


def turned(pixels: NDArray[Number], turn: int) -> NDArray[Number]:
    """(…, h, w) laid down by one of TURNS."""
    import numpy as np

    mirrored = pixels[..., ::-1] if turn & 4 else pixels
    return np.rot90(mirrored, turn & 3, axes=(-2, -1))


def find_candidates(prints: Prints, should_stop: Callable[[], bool]) -> list[Candidate]:
    """Pairs of whole pictures first, the likeliest way to lay them first."""
    whole = list(_whole(prints, should_stop))
    return [*whole, *_pieces(prints, {(one.one, one.two) for one in whole}, should_stop)]


def packed(found: list[Candidate]) -> bytes:
    """As they are kept."""
    import numpy as np

    rows = [(one.one, one.two, one.turn, one.box) for one in found]
    return zlib.compress(np.array(rows, dtype="<i4").tobytes(), 1)


def unpacked(data: bytes, count: int) -> list[Candidate] | None:
    """None when it is not what was kept of so many pictures."""
    import numpy as np

    try:
        rows = np.frombuffer(zlib.decompress(data), dtype="<i4").reshape(-1, 4)
    except (zlib.error, ValueError):
        return None
    limits = (count, count, len(TURNS), len(BOXES))
    if (rows < (0, 0, 0, -1)).any() or (rows >= limits).any():
        return None
    return [Candidate(*row) for row in rows.tolist()]


def _whole(prints: Prints, should_stop: Callable[[], bool]) -> Iterator[Candidate]:
    import numpy as np

    waves = [_waves(turned(prints.luma, turn), _WAVES, prints.flat) for turn in TURNS]
    pixels = _unit(prints.luma.reshape(len(prints.luma), -1))
    for at in range(0, len(prints.luma), _ROWS):
        _check(should_stop)
        rows = waves[0][at : at + _ROWS]
        found = []
        for turn in TURNS:
            alike = rows @ waves[turn][at:].T
            one, two = np.nonzero(alike > _ALIKE)
            later = one < two
            one, two = one[later] + at, two[later] + at
            found.append(_close(pixels, prints.luma, one, two, turn))
        one, two, turn_of, score = (np.concatenate(part) for part in zip(*found, strict=True))
        yield from _best(one, two, turn_of, score)


def _close(
    pixels: Floats, luma: Floats, one: Ints, two: Ints, turn: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Those pairs whose 32 × 32 pixels agree, too."""
    import numpy as np

    score = np.empty(len(one), dtype=np.float32)
    for at in range(0, len(one), 2048):
        other = _unit(turned(luma[two[at : at + 2048]], turn).reshape(-1, GRID * GRID))
        score[at : at + 2048] = np.einsum("nk,nk->n", pixels[one[at : at + 2048]], other)
    keep = score > _ALIKE_PIXELS
    return one[keep], two[keep], np.full(int(keep.sum()), turn, dtype=np.intp), score[keep]


def _best(one: Ints, two: Ints, turn: Ints, score: Floats) -> Iterator[Candidate]:
    """For each pair the likeliest way, and another that is nearly as likely."""
    import numpy as np

    # As it lies is the likeliest: a symmetric picture must not seem mirrored by chance.
    order = np.lexsort((-score - 0.002 * (turn == 0), two, one))
    last, best, count = (-1, -1), 0.0, 0
    for k in order:
        pair = (int(one[k]), int(two[k]))
        if pair != last:
            last, best, count = pair, float(score[k]), 0
        if count < 2 and score[k] > best - 0.04:
            count += 1
            yield Candidate(*pair, int(turn[k]))


def _pieces(
    prints: Prints, known: set[tuple[int, int]], should_stop: Callable[[], bool]
) -> Iterator[Candidate]:
    import numpy as np

    rough = {turn: _waves(turned(prints.luma, turn), 4, prints.flat) for turn in _CROP_TURNS}
    fine = {
        turn: _waves(turned(prints.luma, turn), _BOX_WAVES, prints.flat) for turn in _CROP_TURNS
    }
    for at in range(0, len(prints.luma), _ROWS // 2):
        _check(should_stop)
        rows = slice(at, at + _ROWS // 2)
        likely = prints.colours[rows] @ prints.colours.T > _SAME_COLOURS
        boxes: Floats | None = None
        for turn in _CROP_TURNS:
            one, two = np.nonzero(likely & (rough[0][rows] @ rough[turn].T > _ROUGHLY_ALIKE))
            other = one + at != two
            one, two = one[other], two[other]
            if len(one) and boxes is None:
                boxes = _box_waves(prints.luma[rows], prints.flat[rows])
            for start in range(0, len(one), 4096):
                a, b = one[start : start + 4096], two[start : start + 4096]
                assert boxes is not None
                alike = np.einsum("nbk,nk->nb", boxes[a], fine[turn][b])
                box = alike.argmax(axis=1)
                for k in np.nonzero(alike.max(axis=1) > _BOX_ALIKE)[0]:
                    yield Candidate(int(a[k]) + at, int(b[k]), turn, int(box[k]))


def _waves(luma: Floats, count: int, flat: NDArray[np.bool_]) -> Floats:
    """(N, 32, 32) → (N, count² − 1): a discrete cosine transform, high waves raised, unit length."""
    import numpy as np

    basis = _basis(0, 1, count)
    found = np.matmul(np.matmul(basis, luma), basis.T).reshape(len(luma), -1)[:, 1:]
    found = _unit(found * _weights(count), centred=False)
    found[flat] = 0
    return found


def _box_waves(luma: Floats, flat: NDArray[np.bool_]) -> Floats:
    """(N, 32, 32) → (N, boxes, waves): what `_waves` would give for each of BOXES cut out."""
    import numpy as np

    bases = np.stack([_basis(*span, _BOX_WAVES) for span in _SPANS])  # (spans, waves, 32)
    half = np.einsum("sux,nyx->nsuy", bases, luma, optimize=True)
    found = np.einsum("tvy,nsuy->ntsvu", bases, half, optimize=True)
    waves = found.reshape(len(luma), len(_SPANS) ** 2, -1)[:, 1:, 1:] * _weights(_BOX_WAVES)
    waves /= np.maximum(np.linalg.norm(waves, axis=2, keepdims=True), 1e-6)
    waves[flat] = 0
    return waves


@cache
def _basis(start: float, end: float, count: int) -> Floats:
    """(count, 32): cosines over a part of the side, each pixel counted as far as it is inside."""
    import numpy as np

    edges = np.arange(GRID + 1) / GRID
    inside = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None) * GRID
    place = ((edges[1:] + edges[:-1]) / 2 - start) / (end - start)
    waves = np.cos(np.pi * np.arange(count)[:, None] * place) * inside / (GRID * (end - start))
    return waves.astype(np.float32)


@cache
def _weights(count: int) -> Floats:
    """(count² − 1,): natural pictures have most of their strength in the lowest waves."""
    import numpy as np

    u, v = np.meshgrid(np.arange(count), np.arange(count))
    twice = np.where(u == 0, 1, np.sqrt(2)) * np.where(v == 0, 1, np.sqrt(2))
    return (twice * np.sqrt(u + v)).reshape(-1)[1:].astype(np.float32)


def _unit(values: Floats, *, centred: bool = True) -> Floats:
    import numpy as np

    if centred:
        values = values - values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _colours(luma: Floats, blue: NDArray[np.uint8], red: NDArray[np.uint8]) -> Floats:
    """(N, 125): roots of the shares of 5 × 5 × 5 colours, each pixel shared between its neighbours."""
    import numpy as np

    count = len(luma)
    grey = luma.reshape(count, COARSE, 2, COARSE, 2).mean(axis=(2, 4)).reshape(count, -1)
    of_grey = _shared(grey, (0, 64, 128, 192, 256))
    of_blue = _shared(blue.reshape(count, -1).astype(np.float32), (78, 108, 128, 148, 178))
    of_red = _shared(red.reshape(count, -1).astype(np.float32), (78, 108, 128, 148, 178))
    chroma = (of_blue[:, :, :, None] * of_red[:, :, None, :]).reshape(count, grey.shape[1], 25)
    found = np.matmul(of_grey.transpose(0, 2, 1), chroma).reshape(count, 125) / grey.shape[1]
    return np.sqrt(found)


def _shared(values: Floats, centres: tuple[int, ...]) -> Floats:
    """(N, P) → (N, P, centres): how much each value belongs to its two nearest centres."""
    import numpy as np

    place = np.interp(values, centres, np.arange(len(centres))).astype(np.float32)
    return np.clip(1 - np.abs(place[..., None] - np.arange(len(centres), dtype=np.float32)), 0, 1)


def _check(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise Stopped(STOPPED)
