"""Figures of pixels that several sections go by: brightness, how wide edges are, bars."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from lorabake.core.image import RGB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 1024  # px: about what is trained on, so that blur is what the model would see
_BLOCK = 8  # px a side, within which an edge rises
_LEAST_RANGE = 24  # grey levels; what rises less is no edge
_EDGE_SHARE = 0.1  # of the blocks with edges: those with the steepest
_PIXEL = 1 / 12  # px², by which the difference of two pixels smears an edge itself
_SHARPEST = 0.35  # px; a line of one pixel is not sharper
_BAR_LEVELS = 14.0  # grey levels within which a bar is flat, JPEG's noise included
_BAR_ENDS = 0.5  # share of the pixels that differ where a bar ends; less is a drawing's background
_WIDEST_BAR = 0.45

Bars = tuple[float, float, float, float]


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness as the eye sees it (BT.601), (…, 3) → (…), 0–255."""
    import numpy as np

    return rgb.astype(np.float32) @ np.array((0.299, 0.587, 0.114), dtype=np.float32)


def blur_width(grey: NDArray[np.float32]) -> float:
    """How wide the sharpest edges are, px (sigma); 0 when there are none. grey: (H, W).

    A step of height h that a Gaussian has smeared is h / (sigma √(2π)) steep. Measured against its
    own height: unlike the variance of the Laplacian, this does not take a drawing with few lines or
    little contrast for a blurred one.
    """
    import numpy as np

    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    if height < 2 * _BLOCK or width < 2 * _BLOCK:
        return 0.0
    slope = np.zeros_like(grey)
    slope[:-1, :-1] = np.hypot(grey[:-1, 1:] - grey[:-1, :-1], grey[1:, :-1] - grey[:-1, :-1])
    steepest = _blocks(slope, height, width).max(axis=(1, 3))
    blocks = _blocks(grey, height, width)
    # An edge may begin in one block and end in the next.
    rise = _around(blocks.max(axis=(1, 3)), np.maximum) - _around(
        blocks.min(axis=(1, 3)), np.minimum
    )
    rises = rise >= _LEAST_RANGE
    if not rises.any():
        return 0.0
    # The steepest ones: a soft background behind a sharp figure is no blurred picture.
    edges = rises & (steepest >= np.quantile(steepest[rises], 1 - _EDGE_SHARE))
    smeared = 1 / (sqrt(2 * pi) * float(np.median(steepest[edges] / rise[edges])))
    return sqrt(max(_SHARPEST**2, smeared**2 - _PIXEL))


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


def within(rgb: RGB, bars: Bars) -> RGB:
    """What lies between the bars."""
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


def _around(blocks: NDArray[np.float32], largest: Callable[..., Any]) -> NDArray[np.float32]:
    """The largest (np.maximum) or smallest (np.minimum) of each block and its neighbours."""
    import numpy as np

    padded = np.pad(blocks, 1, mode="edge")
    rows = largest(largest(padded[:-2], padded[1:-1]), padded[2:])
    found: NDArray[np.float32] = largest(largest(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return found
