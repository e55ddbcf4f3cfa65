"""What a picture needs to be judged by: how wide its edges are, its tones, its colours, its bars.

From a small copy, once, kept in the index by content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core import image
from lorabake.core.figures import Figures
from lorabake.core.image import RGB
from lorabake.core.index import Index
from lorabake.core.pixels import SIDE, Bars, blur_width, letterbox, luma, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "enhance-look-2"  # a new number whenever a figure is computed differently
LEVELS, COLOURS = 256, 4  # bins of luma; bins of each colour


@dataclass(frozen=True)
class Look:
    """Figures of one picture.

    blur: how wide its sharpest edges are, px (sigma) at 1024 px a side; 0 without edges.
    bars: shares at left, top, right, bottom. tones: (256,) shares of luma without the bars.
    colours: (64,) shares of coarse colours, to know frames of one scene.
    """

    blur: float
    bars: Bars
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
    found = _FIGURES.of(index, pictures, on_progress=on_progress, should_stop=should_stop)
    return Looked(*found)


def kept_looks(index: Index, shas: Sequence[str]) -> dict[str, Look]:
    """What is known without opening a picture."""
    return _FIGURES.kept(index, shas)


def look_at_file(path: Path) -> Look:
    return look_at(image.load_small(path, SIDE))


def look_at(rgb: RGB) -> Look:
    """Figures of pixels (H, W, 3)."""
    import numpy as np

    found = letterbox(rgb)
    inside = within(rgb, found)
    grey = luma(inside)
    tones, _ = np.histogram(grey, bins=LEVELS, range=(0, 256))
    pixels = inside.reshape(-1, 3)
    pixels = pixels[:: max(1, len(pixels) // 100_000)] // (256 // COLOURS)
    places = (pixels[:, 0] * COLOURS + pixels[:, 1]) * COLOURS + pixels[:, 2]
    colours = np.bincount(places, minlength=COLOURS**3)
    return Look(
        round(blur_width(grey), 3), found, tones / max(1, tones.sum()), colours / len(places)
    )


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


_FIGURES = Figures(KIND, look_at_file, _packed, _unpacked)
