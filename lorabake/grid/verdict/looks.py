"""What a picture looks like in a few numbers, and how far two of them are apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.image import RGB, load_small, shrink

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 256  # px; colours need no more
COARSE = 16  # px a side of the copy in which pictures are compared
NEAR_END = 2  # of 0 and of 255: a channel there holds no detail any more


@dataclass(frozen=True)
class Look:
    """saturation: mean of the largest minus the smallest channel; contrast: deviation of the luma;
    clipped: share of pixels with a channel at its end; all from 0 to 1.

    coarse: (16, 16, 3) from 0 to 1, in which composition and colours remain and lines do not.
    """

    saturation: float
    contrast: float
    clipped: float
    coarse: NDArray[np.float32]


def look_at(path: Path) -> Look:
    """Raises ImageError for what cannot be read."""
    return look_of(load_small(path, SIDE))


def look_of(rgb: RGB) -> Look:
    """rgb: (H, W, 3) uint8."""
    import numpy as np

    values = rgb.astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
    ends = (rgb <= NEAR_END) | (rgb >= 255 - NEAR_END)
    return Look(
        saturation=float((values.max(axis=2) - values.min(axis=2)).mean() / 255),
        contrast=float(luma.std() / 255),
        clipped=float(ends.any(axis=2).mean()),
        coarse=shrink(rgb, COARSE, COARSE).astype(np.float32) / np.float32(255),
    )


def distance(one: Look, other: Look) -> float:
    """Mean difference of two coarse copies: 0 for the same picture, about 0.3 for unlike ones."""
    import numpy as np

    return float(np.abs(one.coarse - other.coarse).mean())
