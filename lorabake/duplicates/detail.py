"""What only the whole picture tells: how sharp it is, and its pixels' fingerprint.

Asked for those pictures alone that have a twin; kept by content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core import image
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError, Stopped
from lorabake.core.image import RGB
from lorabake.core.index import Index
from lorabake.duplicates.candidates import STOPPED
from lorabake.duplicates.prints import ShouldStop

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DETAILS = "duplicates-detail-1"  # a new number whenever they are computed differently
_CELLS = 48  # a side: the picture's parts, of each of which the sharpest edge counts
_EDGE = 16  # levels from one pixel to the next; less is no edge
_SHARE = 0.25  # of the cells with an edge: the sharpest
_KEEP_EVERY = 200
_START = 64 * 1024  # bytes in which a file says how it is packed


@dataclass(frozen=True)
class Detail:
    """sharpness: levels between neighbouring pixels at the sharpest edges, all over the picture.

    pixels: sha256 of what is seen, so that only identical pictures share it. lossless: as packed.
    """

    sharpness: float
    pixels: str
    lossless: bool


def detail_many(
    index: Index, paths: Mapping[str, Path], should_stop: ShouldStop
) -> dict[str, Detail]:
    """By sha256; without those that cannot be read any more."""
    kept = {sha: _unpacked(data) for sha, data in index.facts(DETAILS, paths).items()}
    found = {sha: detail for sha, detail in kept.items() if detail is not None}
    waiting: dict[str, bytes] = {}

    def one(sha: str) -> tuple[str, Detail | None]:
        if should_stop():
            return sha, None
        try:
            return sha, detail_of(paths[sha])
        except ImageError:
            return sha, None

    with ThreadPoolExecutor(decoders().size) as threads:
        for sha, detail in threads.map(one, [sha for sha in paths if sha not in found]):
            if detail is None:
                continue
            found[sha] = detail
            waiting[sha] = json.dumps(asdict(detail)).encode()
            if len(waiting) >= _KEEP_EVERY:
                index.keep_facts(DETAILS, waiting)
                waiting = {}
    index.keep_facts(DETAILS, waiting)
    if should_stop():
        raise Stopped(STOPPED)
    return found


def detail_of(path: Path) -> Detail:
    rgb = image.load_rgb(path)
    seen = hashlib.sha256(f"{rgb.shape}".encode())
    seen.update(rgb.tobytes())
    return Detail(round(sharpness(rgb), 3), seen.hexdigest(), _is_lossless(path))


def sharpness(rgb: RGB) -> float:
    """The height of the sharpest edges from one pixel to the next; 0 without any. rgb: (H, W, 3).

    Of each part of the picture the sharpest edge, so that neither the number of pixels nor that of
    lines matters: enlarged by two, a picture has half of it.
    """
    import numpy as np
    from PIL import Image

    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    tall, wide = (max(1, side // _CELLS) for side in grey.shape)
    height, width = tall * (grey.shape[0] // tall), wide * (grey.shape[1] // wide)
    steps = np.zeros((height, width), np.uint8)
    for axis in (0, 1):
        ahead, here = _shifted(grey, axis, 1), _shifted(grey, axis, 0)
        rise = np.maximum(ahead, here) - np.minimum(ahead, here)
        part = steps[: rise.shape[0], : rise.shape[1]]
        np.maximum(part, rise[: part.shape[0], : part.shape[1]], out=part)
    sharpest = steps.reshape(height // tall, tall, width // wide, wide).max(axis=(1, 3))
    edges = np.sort(sharpest[sharpest >= _EDGE])
    return float(edges[-max(1, round(len(edges) * _SHARE)) :].mean()) if len(edges) else 0.0


def _shifted(grey: NDArray[np.uint8], axis: int, by: int) -> NDArray[np.uint8]:
    end = grey.shape[axis] - 1 + by
    return grey[by:end] if axis == 0 else grey[:, by:end]


def _is_lossless(path: Path) -> bool:
    """From how it is packed: PNG, BMP, and WebP's lossless kind."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError:
        return False
    if start[8:12] == b"WEBP":
        return b"VP8L" in start
    return start.startswith((b"\x89PNG", b"BM"))


def _unpacked(data: bytes) -> Detail | None:
    """None when it is not what was kept."""
    try:
        fields = json.loads(data)
        return Detail(float(fields["sharpness"]), str(fields["pixels"]), fields["lossless"] is True)
    except (ValueError, KeyError, TypeError):
        return None
