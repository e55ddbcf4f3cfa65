"""The contrast of washed-out screencaps: one curve for all colours of a picture, bars left out.

Black and white point from the darkest and the brightest pixels, then gamma, a light S-curve, a
little saturation. No local contrast: it would leave bands and halos on flat cel colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.enhance.alpha import STRIP
from lorabake.enhance.settings import EnhanceSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = 256
_NARROWEST = (
    0.2  # of what there is from black to white: less is a flat picture, not a washed-out one
)


@dataclass(frozen=True)
class Curve:
    """What happens to a value from 0 to 1: black and white become 0 and 1, then gamma and S."""

    black: float = 0.0
    white: float = 1.0
    gamma: float = 1.0
    curve: float = 0.0
    saturation: float = 1.0

    @property
    def changes(self) -> bool:
        """Would anybody see it? Less than a level is nothing."""
        import numpy as np

        moved = np.abs(self.table().astype(int) - np.arange(LEVELS)).max()
        return bool(moved >= 1) or abs(self.saturation - 1) >= 0.01

    def table(self) -> NDArray[np.uint8]:
        """The new value of each of the 256."""
        import numpy as np

        values = np.arange(LEVELS, dtype=np.float64) / (LEVELS - 1)
        values = ((values - self.black) / (self.white - self.black)).clip(0, 1)
        values = values ** (1 / self.gamma)
        values += self.curve * (values * values * (3 - 2 * values) - values)
        return np.rint(values * (LEVELS - 1)).astype(np.uint8)


def curve_of(histograms: Sequence[NDArray[np.float64]], settings: EnhanceSettings) -> Curve:
    """One curve for pictures of one scene. histograms: (256,) each, shares of luma without bars."""
    black, white = _points(histograms, settings)
    return Curve(black, white, settings.gamma, settings.curve, settings.saturation)


def _points(
    histograms: Sequence[NDArray[np.float64]], settings: EnhanceSettings
) -> tuple[float, float]:
    import numpy as np

    if not histograms:
        return 0.0, 1.0
    below = np.cumsum(np.mean(np.stack(histograms), axis=0))
    below /= max(float(below[-1]), 1e-9)
    share = settings.clip / 100
    darkest = int(np.searchsorted(below, share, side="right" if not share else "left"))
    brightest = int(np.searchsorted(below, 1 - max(share, 1e-9), side="left"))
    black = min(darkest / (LEVELS - 1), settings.limit)
    white = max(brightest / (LEVELS - 1), 1 - settings.limit)
    if (brightest - darkest) / (LEVELS - 1) < _NARROWEST:
        return 0.0, 1.0
    return black, white


def apply_curve(curve: Curve, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) → the same with the curve applied."""
    import numpy as np

    moved = curve.table()[rgb]
    if abs(curve.saturation - 1) < 0.005:
        return moved
    weights = np.array((0.299, 0.587, 0.114), dtype=np.float32)
    for top in range(0, len(moved), STRIP):
        strip = moved[top : top + STRIP].astype(np.float32)
        grey = (strip @ weights)[:, :, None]
        stronger = grey + (strip - grey) * np.float32(curve.saturation)
        moved[top : top + STRIP] = np.rint(stronger.clip(0, 255)).astype(np.uint8)
    return moved
