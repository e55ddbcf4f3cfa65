"""What pixels say about a picture: blur, brightness, contrast, colours, bars.

Computed once from a small copy, kept in the index by content, and so the same for every copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lorabake.core import image
from lorabake.core.dataset import DatasetImage
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError
from lorabake.core.image import RGB
from lorabake.core.index import Index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "measures-1"  # a new number whenever a figure is computed differently
SIDE = 1024  # px: about what is trained on, so that blur is what the model would see
_BLOCK = 8  # px a side, within which an edge rises
_LEAST_RANGE = 24  # grey levels; what rises less is no edge
_EDGE_SHARE = 0.05  # of the blocks: those in which most happens
_STEP_OF_GAUSSIAN = 0.242  # |second derivative| of a step smeared with sigma s is 0.242 h / s²
_SHARPEST = 0.35  # px; a line of one pixel is not sharper
_GREY, _TINT = 3.0, 2.0  # levels of chroma that JPEG alone may cause
_BAR_LEVELS = 14.0  # grey levels within which a bar is flat, JPEG's noise included
_BAR_ENDS = 0.5  # share of the pixels that differ where a bar ends; less is a drawing's background
_WIDEST_BAR = 0.45
_KEEP_EVERY = 200  # pictures between two writes into the index

Mono = Literal["", "grey", "tint"]
Bars = tuple[float, float, float, float]


@dataclass(frozen=True)
class Measures:
    """Figures of one picture.

    blur: how wide edges are, px (sigma of a Gaussian) at 1024 px on the longest side; 0 when there
    are no edges. Sharp drawings have about 0.5, soft screencaps 1.5 and more.
    brightness: mean luma, 0–1. contrast: from the darkest to the brightest hundredth, 0–1.
    saturation: mean difference between the strongest and the weakest colour, 0–1.
    mono: "grey" without colours, "tint" with a single hue such as sepia, else "".
    letterbox: flat bars at left, top, right, bottom, as shares of width and height.
    """

    blur: float
    brightness: float
    contrast: float
    saturation: float
    mono: Mono
    letterbox: Bars

    @property
    def has_bars(self) -> bool:
        return any(self.letterbox)


@dataclass(frozen=True)
class Measured:
    """found: by sha256. unreadable: by sha256, a sentence each."""

    found: dict[str, Measures]
    unreadable: dict[str, str]


def measure_many(
    index: Index,
    images: Sequence[DatasetImage],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Measured:
    """Figures of all pictures; only those not seen before are opened.

    Stopped early, it holds what it has; the next call goes on from there.
    """
    by_sha = {one.sha256: one.path for one in images}
    found = kept_measures(index, list(by_sha))
    new = [(sha, path) for sha, path in by_sha.items() if sha not in found]
    unreadable: dict[str, str] = {}
    waiting: dict[str, bytes] = {}
    done = len(found)
    if on_progress:
        on_progress(done, len(by_sha))

    def one(pair: tuple[str, Path]) -> tuple[str, Measures | ImageError | None]:
        if should_stop and should_stop():
            return pair[0], None
        try:
            return pair[0], measure_file(pair[1])
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
    return Measured(found, unreadable)


def kept_measures(index: Index, shas: Sequence[str]) -> dict[str, Measures]:
    """What is known without opening a picture."""
    kept = {sha: _unpacked(data) for sha, data in index.facts(KIND, shas).items()}
    return {sha: measures for sha, measures in kept.items() if measures is not None}


def measure_file(path: Path) -> Measures:
    """Figures of one picture file; ImageError when it cannot be read."""
    return measure(image.load_small(path, SIDE))


def measure(rgb: RGB) -> Measures:
    """Figures of pixels (H, W, 3). Bars are left out of all other figures."""
    import numpy as np

    bars = letterbox(rgb)
    inside = _within(rgb, bars)
    pixels = inside.reshape(-1, 3)[:: max(1, inside.shape[0] * inside.shape[1] // 200_000)]
    grey = luma(pixels)
    low, high = np.percentile(grey, (1, 99))
    spread = pixels.max(axis=1).astype(np.int16) - pixels.min(axis=1)
    return Measures(
        blur=round(blur_width(luma(inside)), 3),
        brightness=round(float(grey.mean()) / 255, 4),
        contrast=round(float(high - low) / 255, 4),
        saturation=round(float(spread.mean()) / 255, 4),
        mono=_mono(pixels),
        letterbox=bars,
    )


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness as the eye sees it (BT.601), (…, 3) → (…), 0–255."""
    import numpy as np

    return rgb.astype(np.float32) @ np.array((0.299, 0.587, 0.114), dtype=np.float32)


def blur_width(grey: NDArray[np.float32]) -> float:
    """How wide the sharpest edges are, px (sigma); 0 when there are none. grey: (H, W).

    The Laplacian of an edge, measured against the height of that edge: unlike the usual variance of
    the Laplacian, this does not take a drawing with few lines or little contrast for a blurred one.
    """
    import numpy as np

    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    if height < 2 * _BLOCK or width < 2 * _BLOCK:
        return 0.0
    bend = np.zeros_like(grey)
    bend[1:-1, 1:-1] = np.abs(
        4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    )
    tallest = _blocks(grey, height, width)
    rise = tallest.max(axis=(1, 3)) - tallest.min(axis=(1, 3))
    bends = _blocks(bend, height, width).max(axis=(1, 3))
    edges = rise >= max(_LEAST_RANGE, float(np.quantile(rise, 1 - _EDGE_SHARE)))
    if not edges.any():
        return 0.0
    # The upper quartile: a soft background behind a sharp figure is no blurred picture.
    ratio = float(np.quantile(bends[edges] / rise[edges], 0.75))
    return max(_SHARPEST, sqrt(_STEP_OF_GAUSSIAN / max(ratio, 1e-4)))


def letterbox(rgb: RGB) -> Bars:
    """Flat bars at left, top, right, bottom, as shares; zeros where there are none."""
    top, bottom = _bars(rgb), _bars(rgb[::-1])
    across = rgb.transpose(1, 0, 2)
    left, right = _bars(across), _bars(across[::-1])
    return left, top, right, bottom


def _bars(rows: RGB) -> float:
    """The share of rows, from the first on, that have one colour and then end all at once."""
    import numpy as np

    count = len(rows)
    if count < 16:
        return 0.0
    colour = np.median(rows[0].astype(np.float32), axis=0)
    limit = int(count * _WIDEST_BAR)
    away = np.abs(rows[: limit + 4].astype(np.float32) - colour).max(axis=2)  # (rows, columns)
    flat = np.quantile(away, 0.99, axis=1) <= _BAR_LEVELS
    end = int(np.argmin(flat)) if not flat.all() else len(flat)
    if end < 2 or end > limit:
        return 0.0
    beyond = away[min(end + 2, len(away) - 1)]
    return round(end / count, 4) if float((beyond > 2 * _BAR_LEVELS).mean()) >= _BAR_ENDS else 0.0


def _mono(pixels: NDArray[np.uint8]) -> Mono:
    """pixels: (N, 3). How far colours leave grey, and how far they leave their main hue."""
    import numpy as np

    values = pixels.astype(np.float32)
    grey = luma(pixels)
    chroma = np.stack((values[:, 2] - grey, values[:, 0] - grey), axis=1) * (0.564, 0.713)
    least, most = np.sqrt(np.linalg.eigvalsh(chroma.T @ chroma / len(chroma)).clip(0))
    if most < _GREY:
        return "grey"
    return "tint" if least < _TINT else ""


def _within(rgb: RGB, bars: Bars) -> RGB:
    height, width, _ = rgb.shape
    left, top, right, bottom = bars
    inside = rgb[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]
    return inside if inside.size else rgb


def _blocks(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(H, W) → (rows of blocks, 8, columns of blocks, 8)."""
    return values[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)


def _packed(measures: Measures) -> bytes:
    return json.dumps(asdict(measures)).encode()


def _unpacked(data: bytes) -> Measures | None:
    """None when it is not what was kept."""
    try:
        fields: Mapping[str, Any] = json.loads(data)
        left, top, right, bottom = map(float, fields["letterbox"])
        mono = fields["mono"]
        return Measures(
            blur=float(fields["blur"]),
            brightness=float(fields["brightness"]),
            contrast=float(fields["contrast"]),
            saturation=float(fields["saturation"]),
            mono=mono if mono in ("grey", "tint") else "",
            letterbox=(left, top, right, bottom),
        )
    except (ValueError, KeyError, TypeError):
        return None
