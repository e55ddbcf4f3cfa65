"""Pictures in tiles: a large one goes through a network piece by piece, and no seam is seen.

Each tile sees `context` px more than it gives on every side where another tile lies, so that what a
network does there is what it would do with the whole picture. Over `feather` px two tiles fade into
each other, for networks that look further than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # (h, w, 3) from 0 to 1 → (h × scale, w × scale, 3) from 0 to 1
    Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

CONTEXT, FEATHER = 24, 8
SMALLEST = 96  # px; of less, there is hardly anything left between the margins


@dataclass(frozen=True)
class Tiling:
    """size: px a side that the network sees at once, at most. context, feather: px; see above."""

    size: int
    context: int = CONTEXT
    feather: int = FEATHER

    def __post_init__(self) -> None:
        assert self.size >= 2 * self.context + 3 * self.feather, self


@dataclass(frozen=True)
class Span:
    """One tile along one side, px. start, end: what it sees; fade_in, fade_out: where it gives way."""

    start: int
    end: int
    fade_in: tuple[int, int]
    fade_out: tuple[int, int]


def spans(length: int, tiling: Tiling) -> list[Span]:
    """Tiles that cover a side, of equal size, evenly spread, and no larger than needed."""
    shared = 2 * tiling.context + tiling.feather
    count = max(1, ceil((length - shared) / (tiling.size - shared)))
    size = ceil((length + (count - 1) * shared) / count)
    starts = [round(i * (length - size) / max(1, count - 1)) for i in range(count)]
    ends = [start + size - tiling.context for start in starts[:-1]]
    seams = [(end - tiling.feather, end) for end in ends]
    return [
        Span(
            start,
            start + size,
            seams[i - 1] if i else (0, 0),
            seams[i] if i < count - 1 else (length, length),
        )
        for i, start in enumerate(starts)
    ]


def tile_count(width: int, height: int, tiling: Tiling) -> int:
    return len(spans(width, tiling)) * len(spans(height, tiling))


def pixels_seen(width: int, height: int, tiling: Tiling) -> int:
    """Pixels that go through the network, those that lie in several tiles counted each time."""
    across = sum(span.end - span.start for span in spans(width, tiling))
    return across * sum(span.end - span.start for span in spans(height, tiling))


def run_tiled(
    run: Run,
    rgb: NDArray[np.uint8],
    *,
    scale: int,
    tiling: Tiling,
    on_tile: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """(H, W, 3) → (H × scale, W × scale, 3).

    Memory: the result, and one row of tiles in floats. on_tile may raise to stop.
    """
    import numpy as np

    height, width, _ = rgb.shape
    across = spans(width, tiling)
    whole = np.empty((height * scale, width * scale, 3), dtype=np.uint8)
    above: NDArray[np.float32] | None = None  # the rows that fade into the next row of tiles
    for down in spans(height, tiling):
        band = np.zeros(((down.end - down.start) * scale, width * scale, 3), dtype=np.float32)
        for span in across:
            tile = rgb[down.start : down.end, span.start : span.end]
            given = run(np.ascontiguousarray(tile).astype(np.float32) / np.float32(255))
            first, last = span.fade_in[0], span.fade_out[1]
            weights = _weights(span, first, last, scale)
            inside = given[:, (first - span.start) * scale : (last - span.start) * scale]
            band[:, first * scale : last * scale] += inside * weights[None, :, None]
            on_tile()
        first, last = down.fade_in[0], down.fade_out[1]
        rows = band[(first - down.start) * scale : (last - down.start) * scale]
        rows *= _weights(down, first, last, scale)[:, None, None]
        if above is not None:
            rows[: len(above)] += above
        ready = (down.fade_out[0] - first) * scale
        whole[first * scale : first * scale + ready] = _bytes(rows[:ready])
        above = rows[ready:].copy()
    return whole


def _weights(span: Span, first: int, last: int, scale: int) -> NDArray[np.float32]:
    """How much a tile counts at each pixel of its result from `first` to `last`, 0 to 1."""
    import numpy as np

    at = (np.arange(first * scale, last * scale, dtype=np.float32) + 0.5) / scale
    weights = np.ones_like(at)
    for (begin, end), rising in ((span.fade_in, True), (span.fade_out, False)):
        if end > begin:
            share = ((at - begin) / (end - begin)).clip(0, 1)
            weights *= share if rising else 1 - share
    return weights.astype(np.float32, copy=False)


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    import numpy as np

    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
