"""What pictures look like, in a few numbers: to lay those with like clothes together.

Computed once from a small copy and kept in the index by content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lorabake.concepts.pile import Picture
from lorabake.core import image
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError
from lorabake.core.image import RGB
from lorabake.core.index import Index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND: Final = "look-1"  # a new number whenever it is computed differently
SIDE: Final = 96  # px: clothes are still seen, and it is quick
HUES, GREYS, GRID = 12, 5, 4
COLOURS: Final = 2 * HUES + GREYS  # light and dark of each hue, and what has none
LENGTH: Final = COLOURS + GRID * GRID
_SPREAD: Final = 0.25  # of the sides: how far from the middle a figure is looked for
_BORDER: Final = 0.06  # of the shorter side: mostly background
_BACKGROUND: Final = 0.12  # of the range of a channel, within which a colour is the border's
_LEAST_FIGURE: Final = 0.1  # of the picture
_COLOURLESS: Final = 0.15  # saturation below which a hue means nothing; from twice it means all

Looks = Mapping[str, "NDArray[np.float32]"]


def looks_of(
    pictures: Iterable[Picture],
    index: Index | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """sha256 → look. Only pictures not seen before are opened; one that cannot be read has none."""
    import numpy as np

    files = {picture.sha256: picture.file for picture in pictures}
    known = index.facts(KIND, list(files)) if index else {}
    found = {
        sha: np.frombuffer(data, dtype=np.float32)
        for sha, data in known.items()
        if len(data) == LENGTH * 4
    }
    new = [(sha, path) for sha, path in files.items() if sha not in found]
    made: dict[str, NDArray[np.float32]] = {}

    def one(pair: tuple[str, Path]) -> tuple[str, NDArray[np.float32] | None]:
        if should_stop and should_stop():
            return pair[0], None
        try:
            return pair[0], look(image.load_small(pair[1], SIDE))
        except ImageError:
            return pair[0], None

    with ThreadPoolExecutor(decoders().size) as threads:
        for sha, vector in threads.map(one, new):
            if vector is not None:
                made[sha] = vector
            if on_progress:
                on_progress(len(found) + len(made), len(files))
    if index and made:
        index.keep_facts(KIND, {sha: vector.tobytes() for sha, vector in made.items()})
    return found | made


def look(rgb: RGB) -> NDArray[np.float32]:
    """(H, W, 3) → (LENGTH,): shares of colours of the figure, then a coarse picture of brightness.

    Colours sum to 1; brightness has mean 0 and length 1 (0 for a plain picture), so that the two can
    be weighed. The figure is what is near the middle, and not of the colour of the border.
    """
    import numpy as np

    values = rgb.astype(np.float64) / 255
    height, width, _ = values.shape
    across = np.exp(-(((np.arange(width) + 0.5) / width - 0.5) ** 2) / (2 * _SPREAD**2))
    down = np.exp(-(((np.arange(height) + 0.5) / height - 0.5) ** 2) / (2 * _SPREAD**2))
    weights = down[:, None] * across
    strip = max(1, round(min(height, width) * _BORDER))
    border = np.concatenate(
        [
            values[:strip].reshape(-1, 3),
            values[:, :strip].reshape(-1, 3),
            values[:, -strip:].reshape(-1, 3),
        ]
    )
    away = np.abs(values - np.median(border, axis=0)).max(axis=2) > _BACKGROUND
    figure = weights * away
    if figure.sum() < _LEAST_FIGURE * weights.sum():
        figure = weights  # it fills the picture, or has the colour of the wall
    colours = _colours(values.reshape(-1, 3), figure.ravel())
    return np.concatenate([colours, _brightness(rgb)]).astype(np.float32)


def _colours(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3), (N,) → (COLOURS,): how much of each hue, light and dark, and of each grey.

    A colour between two is shared out to both, so that a slight change of it changes little.
    """
    import numpy as np

    most, least = values.max(axis=1), values.min(axis=1)
    range_ = most - least
    strength = np.clip(range_ / np.maximum(most, 1e-6) / _COLOURLESS - 1, 0, 1)
    red, green, blue = values.T
    safe = np.where(range_ > 0, range_, 1)
    hue = np.where(
        most == red,
        ((green - blue) / safe) % 6,
        np.where(most == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    dark = np.clip((0.65 - most) / 0.2, 0, 1)
    found = np.zeros(COLOURS)
    place = hue * HUES / 6
    below, part = np.floor(place).astype(int), place % 1
    for step, share in ((below, 1 - part), (below + 1, part)):
        for offset, tone in ((0, 1 - dark), (HUES, dark)):
            found += np.bincount(
                step % HUES + offset, weights * strength * share * tone, minlength=COLOURS
            )
    place = most * (GREYS - 1)
    below = np.minimum(np.floor(place).astype(int), GREYS - 2)
    part = place - below
    for step, share in ((below, 1 - part), (below + 1, part)):
        found += np.bincount(2 * HUES + step, weights * (1 - strength) * share, minlength=COLOURS)
    total = found.sum()
    return found / total if total > 0 else found


def _brightness(rgb: RGB) -> NDArray[np.float64]:
    import numpy as np

    grey = rgb.astype(np.float64).mean(axis=2)
    rows = [part.mean(axis=0) for part in np.array_split(grey, GRID, axis=0) if len(part)]
    cells = [cell.mean() for row in rows for cell in np.array_split(row, GRID) if len(cell)]
    values = np.resize(np.array(cells), GRID * GRID)
    values = values - values.mean()
    length = np.linalg.norm(values)
    return values / length if length > 1e-6 else np.zeros(GRID * GRID)
