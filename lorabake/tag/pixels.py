"""What a tagger sees of a picture: exactly what the WD taggers were trained on.

Upright, transparency on white, padded with white to a square in its middle, resized with a bicubic
filter, blue before red, values from 0 to 255 and no normalisation (SmilingWolf's own page and
deepghs/imgutils do the same). Another order of these steps gives other tags.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.image import load_square

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def prepare(path: Path, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) uint8, BGR, not yet contiguous. Raises ImageError for what cannot be read."""
    return load_square(path, side)[:, :, ::-1]


def batch_of(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """B pictures as a tagger takes them: (B, side, side, 3) float32, BGR, 0 to 255."""
    import numpy as np

    batch = np.empty((len(pictures), *pictures[0].shape), dtype=np.float32)
    for slot, picture in zip(batch, pictures, strict=True):
        slot[...] = picture
    return batch
