"""Transparent pictures: colours are multiplied with how solid they are before they are enlarged.

Otherwise the hidden colours of transparent pixels run into the edges and leave a dark fringe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.image import load_alpha, load_rgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLACK = "#000000"
STRIP = 64  # rows that are computed with at a time, so that a large picture takes little memory


@dataclass(frozen=True)
class Layers:
    """A picture as it is enlarged. rgb: (H, W, 3), multiplied with alpha when there is one.

    alpha: (H, W), None when every pixel is solid.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None


def read_layers(path: Path, *, keep_alpha: bool) -> Layers:
    """The pixels, upright; without `keep_alpha` on white."""
    if not keep_alpha:
        return Layers(load_rgb(path))
    alpha = load_alpha(path)
    if int(alpha.min()) == 255:
        return Layers(load_rgb(path))
    return Layers(load_rgb(path, BLACK), alpha)  # over black is the same as multiplied


def colours(layers: Layers) -> NDArray[np.uint8]:
    """The colours for themselves: multiplied ones are divided again, where there is anything."""
    import numpy as np

    if layers.alpha is None:
        return layers.rgb
    bare = np.empty_like(layers.rgb)
    for top in range(0, len(bare), STRIP):
        rows = slice(top, top + STRIP)
        solid = layers.alpha[rows, :, None].astype(np.float32) / 255
        divided = np.rint(layers.rgb[rows] / np.maximum(solid, 1 / 255)).clip(0, 255)
        bare[rows] = np.where(solid > 0, divided, 255)
    return bare


def joined(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """(H, W, 3), or (H, W, 4) with what is transparent."""
    import numpy as np

    return rgb if alpha is None else np.concatenate((rgb, alpha[:, :, None]), axis=2)
