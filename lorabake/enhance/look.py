"""What a picture needs to be judged by: how wide its edges are, its tones, its colours, its bars.

From a small copy, once, kept in the index by content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core import image
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError
from lorabake.core.image import RGB
from lorabake.core.index import Index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "enhance-look-1"  # a new number whenever a figure is computed differently
SIDE = 1024  # px: about what is trained on, so that blur is what a model would see
LEVELS, COLOURS = 256, 4  # bins of luma; bins of each colour
_BLOCK = 8  # px a side, within which an edge rises
_STEEP = 0.05  # of the blocks: those with the steepest edges
_LEAST = 6.0  # grey levels a pixel; what rises less is no edge
_OF_GAUSSIAN = 0.6  # |second| / |first derivative| of a step smeared with sigma s is about 0.6 / s
_SHARPEST = 0.35  # px; no line is sharper
_BAR_LEVELS = 14.0  # grey levels within which a bar is flat
_WIDEST_BAR = 0.45
_KEEP_EVERY = 200


@dataclass(frozen=True)
class Look:
    """Figures of one picture.

    blur: how wide its sharpest edges are, px (sigma) at 1024 px a side; 0 without edges.
    bars: shares at left, top, right, bottom. tones: (256,) shares of luma without the bars.
    colours: (64,) shares of coarse colours, to know frames of one scene.
    """

    blur: float
    bars: tuple[float, float, float, float]
    tones: NDArray[np.float64]
    colours: NDArray[np.float64]


@dataclass(frozen=True)
class Looked:
    """found: by sha256. unreadable: by sha256, a sentence each."""

    found: dict[str, Look]
    unreadable: dict[str, str]


def look_many(
    index: Index,
    pictures: Sequence[tuple[str, Path]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Looked:
    """(sha256, path) of pictures → their figures; only those not seen before are opened."""
    by_sha = dict(pictures)
    found = kept_looks(index, list(by_sha))
    new = [pair for pair in by_sha.items() if pair[0] not in found]
    unreadable: dict[str, str] = {}
    waiting: dict[str, bytes] = {}
    done = len(found)

    def one(pair: tuple[str, Path]) -> tuple[str, Look | ImageError | None]:
        if should_stop and should_stop():
            return pair[0], None
        try:
            return pair[0], look_at_file(pair[1])
        except ImageError as error:
            return pair[0], error

    with ThreadPoolExecutor(decoders().size) as threads:
        for sha, result in threads.map(one, new):
            if result is None:
                continue
            if isinstance(result, ImageError):
                unreadable[sha] = str(result)
            else:
                found[sha] = result
                waiting[sha] = _packed(result)
            done += 1
            if len(waiting) >= _KEEP_EVERY:
                index.keep_facts(KIND, waiting)
                waiting = {}
            if on_progress:
                on_progress(done, len(by_sha))
    if waiting:
        index.keep_facts(KIND, waiting)
    return Looked(found, unreadable)


def kept_looks(index: Index, shas: Sequence[str]) -> dict[str, Look]:
    """What is known without opening a picture."""
    kept = {sha: _unpacked(data) for sha, data in index.facts(KIND, shas).items()}
    return {sha: look for sha, look in kept.items() if look is not None}


def look_at_file(path: Path) -> Look:
    return look_at(image.load_small(path, SIDE))


def look_at(rgb: RGB) -> Look:
    """Figures of pixels (H, W, 3)."""
    import numpy as np

    found = bars(rgb)
    inside = within(rgb, found)
    grey = luma(inside)
    tones, _ = np.histogram(grey, bins=LEVELS, range=(0, 256))
    pixels = inside.reshape(-1, 3)
    pixels = pixels[:: max(1, len(pixels) // 100_000)] // (256 // COLOURS)
    places = (pixels[:, 0] * COLOURS + pixels[:, 1]) * COLOURS + pixels[:, 2]
    colours = np.bincount(places, minlength=COLOURS**3)
    return Look(
        round(edge_width(grey), 3), found, tones / max(1, tones.sum()), colours / len(places)
    )


def luma(rgb: RGB) -> NDArray[np.float32]:
    """Brightness as the eye sees it (BT.601), 0–255."""
    import numpy as np

    return rgb.astype(np.float32) @ np.array((0.299, 0.587, 0.114), dtype=np.float32)


def edge_width(grey: NDArray[np.float32]) -> float:
    """How wide the steepest edges are, px (sigma); 0 without any. grey: (H, W).

    The Laplacian against the slope of the same edges: unlike the variance of the Laplacian, it does
    not take a drawing with few lines or little contrast for a blurred one.
    """
    import numpy as np

    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    if min(height, width) < 2 * _BLOCK:
        return 0.0
    slope, bend = np.zeros_like(grey), np.zeros_like(grey)
    middle = grey[1:-1, 1:-1]
    left, right, above, below = grey[1:-1, :-2], grey[1:-1, 2:], grey[:-2, 1:-1], grey[2:, 1:-1]
    slope[1:-1, 1:-1] = np.hypot(right - left, below - above) / 2
    bend[1:-1, 1:-1] = np.abs(4 * middle - left - right - above - below)
    slopes, bends = (_tallest(values, height, width) for values in (slope, bend))
    steep = slopes >= max(_LEAST, float(np.quantile(slopes, 1 - _STEEP)))
    if not steep.any():
        return 0.0
    # The upper quartile: a soft background behind a sharp figure is no blurred picture.
    ratio = float(np.quantile(bends[steep] / slopes[steep], 0.75))
    return max(_SHARPEST, _OF_GAUSSIAN / max(ratio, 1e-3))


def bars(rgb: RGB) -> tuple[float, float, float, float]:
    """Flat black bars at left, top, right, bottom, as shares; zeros where there are none."""
    across = rgb.transpose(1, 0, 2)
    return _bar(across), _bar(rgb), _bar(across[::-1]), _bar(rgb[::-1])


def within(rgb: RGB, found: tuple[float, float, float, float]) -> RGB:
    """What lies between the bars."""
    height, width, _ = rgb.shape
    left, top, right, bottom = found
    inside = rgb[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]
    return inside if inside.size else rgb


def _bar(rows: RGB) -> float:
    """The share of rows, from the first on, that are dark and of one colour."""
    import numpy as np

    count = len(rows)
    colour = np.median(rows[0].astype(np.float32), axis=0)
    if count < 16 or colour.max() > 2 * _BAR_LEVELS + 16:
        return 0.0
    limit = int(count * _WIDEST_BAR)
    away = np.abs(rows[: limit + 1].astype(np.float32) - colour).max(axis=2)
    flat = np.quantile(away, 0.99, axis=1) <= _BAR_LEVELS
    end = int(np.argmin(flat)) if not flat.all() else len(flat)
    return round(end / count, 4) if 2 <= end <= limit else 0.0


def _tallest(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The largest of each block."""
    blocks = values[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    tallest: NDArray[np.float32] = blocks.max(axis=(1, 3))
    return tallest


def _packed(look: Look) -> bytes:
    import numpy as np

    numbers = np.concatenate(([look.blur, *look.bars], look.tones, look.colours))
    return numbers.astype("<f4").tobytes()


def _unpacked(data: bytes) -> Look | None:
    """None when it is not what was kept."""
    import numpy as np

    if len(data) != 4 * (5 + LEVELS + COLOURS**3):
        return None
    numbers = np.frombuffer(data, dtype="<f4").astype(np.float64)
    left, top, right, bottom = (float(number) for number in numbers[1:5])
    return Look(
        float(numbers[0]), (left, top, right, bottom), numbers[5 : 5 + LEVELS], numbers[-64:]
    )
