"""One picture made larger or clearer: the network in tiles, then to its size, blended, contrast last."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.buckets import Size
from lorabake.core.errors import ImageError
from lorabake.core.files import atomic_write_bytes, disk_full_as_sentence
from lorabake.core.image import shrink
from lorabake.core.names import shown
from lorabake.enhance.alpha import STRIP, Layers, colours, joined, read_layers
from lorabake.enhance.contrast import Curve, apply_curve
from lorabake.enhance.settings import EnhanceSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lorabake.enhance.network import Network

MAX_INSIDE = 260_000_000  # px of a network's result, before it is brought to its size: 0.8 GB


def improve(
    path: Path,
    size: Size,
    settings: EnhanceSettings,
    *,
    network: Network | None,
    curve: Curve | None,
    on_tile: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """The improved picture, (H, W, 3 or 4). size: px (width, height) it will have."""
    layers = read_layers(path, keep_alpha=settings.alpha == "keep")
    if settings.enlarges:
        height, width = layers.rgb.shape[:2]
        if network is not None and width * height * network.scale**2 > MAX_INSIDE:
            raise ImageError(
                f"{shown(path.name)} is too large for {shown(network.name)}: {width} × {height} px "
                f"times {network.scale} would not fit into memory. Use a 1x or 2x model, or Lanczos."
            )
        layers = enlarge(layers, size, settings.strength, network, on_tile)
    rgb = colours(layers)
    if curve is not None:
        rgb = apply_curve(curve, rgb)
    return joined(rgb, layers.alpha)


def enlarge(
    layers: Layers,
    size: Size,
    strength: float,
    network: Network | None,
    on_tile: Callable[[], None] = lambda: None,
) -> Layers:
    """Bring a picture to `size`. Alpha goes the same way as the colours, or their edges would part."""
    rgb = _enlarged(layers.rgb, size, strength, network, on_tile)
    if layers.alpha is None:
        return Layers(rgb)
    solid = layers.alpha[:, :, None].repeat(3, axis=2)
    alpha = _enlarged(solid, size, strength, network, on_tile)[:, :, 1]
    return Layers(_no_brighter(rgb, alpha), alpha)


def _enlarged(
    rgb: NDArray[np.uint8],
    size: Size,
    strength: float,
    network: Network | None,
    on_tile: Callable[[], None],
) -> NDArray[np.uint8]:
    if network is None or strength <= 0:
        return to_size(rgb, size)
    given = to_size(network.enlarge(rgb, on_tile), size)
    return blend(to_size(rgb, size), given, strength)


def blend(
    before: NDArray[np.uint8], after: NDArray[np.uint8], strength: float
) -> NDArray[np.uint8]:
    """`strength` of the one over the other, both (H, W, 3)."""
    import numpy as np

    if strength >= 1:
        return after
    share, mixed = np.float32(strength), np.empty_like(after)
    for top in range(0, len(mixed), STRIP):
        rows = slice(top, top + STRIP)
        part = before[rows] * (1 - share) + after[rows] * share
        mixed[rows] = np.rint(part)
    return mixed


def to_size(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Enlarged with Lanczos; shrunk by averaging areas, which leaves no halos around lines."""
    import numpy as np
    from PIL import Image

    height, width = rgb.shape[:2]
    if (width, height) == tuple(size):
        return rgb
    if size[0] <= width and size[1] <= height:
        return shrink(rgb, *size)
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """pixels: (H, W, 3 or 4) uint8; without metadata."""
    from PIL import Image

    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=4)
    with disk_full_as_sentence(path):
        atomic_write_bytes(path, written.getvalue())


def _no_brighter(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours multiplied with alpha cannot be above it; a network's overshoot is taken back."""
    import numpy as np

    return np.minimum(rgb, alpha[:, :, None])
