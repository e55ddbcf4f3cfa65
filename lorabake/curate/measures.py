"""What pixels say about a picture: blur, brightness, contrast, colours, bars.

Computed once from a small copy, kept in the index by content, and so the same for every copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lorabake.core import image
from lorabake.core.dataset import DatasetImage
from lorabake.core.figures import Figures
from lorabake.core.image import RGB
from lorabake.core.index import Index
from lorabake.core.pixels import SIDE, Bars, blur_width, letterbox, luma, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "measures-2"  # a new number whenever a figure is computed differently
_GREY, _TINT = 3.0, 2.0  # levels of chroma that JPEG alone may cause

Mono = Literal["", "grey", "tint"]


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
    pictures = [(one.sha256, one.path) for one in images]
    found = _FIGURES.of(index, pictures, on_progress=on_progress, should_stop=should_stop)
    return Measured(*found)


def kept_measures(index: Index, shas: Sequence[str]) -> dict[str, Measures]:
    """What is known without opening a picture."""
    return _FIGURES.kept(index, shas)


def measure_file(path: Path) -> Measures:
    """Figures of one picture file; ImageError when it cannot be read."""
    return measure(image.load_small(path, SIDE))


def measure(rgb: RGB) -> Measures:
    """Figures of pixels (H, W, 3). Bars are left out of all other figures."""
    import numpy as np

    bars = letterbox(rgb)
    inside = within(rgb, bars)
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


_FIGURES = Figures(KIND, measure_file, _packed, _unpacked)
