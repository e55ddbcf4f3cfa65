"""Small copies of pictures that are compared instead of them; made once and kept by content."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core import image
from lorabake.core.cpus import cpu_count
from lorabake.core.dataset import DatasetImage
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError
from lorabake.core.index import Index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRINTS = "duplicates-print-1"  # a new number whenever they are made differently
LOOKS = "duplicates-look-1"
SIDE = 128  # px: the longest side of a look
GRID, COARSE = 32, 16  # px a side of a print's brightness, and of its colours
PRINT_SIZE = GRID * GRID + 3 * COARSE * COARSE
_HEADER = struct.Struct("<HHB")
_MANY = 100  # pictures for which another decoder is worth its start
_KEEP_EVERY = 200  # pictures between two writes into the index

Tell = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Look:
    """A picture on white at 128 px, as JPEG keeps it (BT.601): uint8.

    luma: (h, w). blue, red: (⌈h/2⌉, ⌈w/2⌉), 128 is grey. solid: (h, w), None when all of it is.
    """

    luma: NDArray[np.uint8]
    blue: NDArray[np.uint8]
    red: NDArray[np.uint8]
    solid: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Printed:
    """prints: by sha256, `PRINT_SIZE` bytes each. unreadable: by sha256, a sentence each."""

    prints: dict[str, bytes]
    unreadable: dict[str, str]


def print_many(
    index: Index, images: Sequence[DatasetImage], tell: Tell, should_stop: ShouldStop
) -> Printed:
    """Prints of all pictures; only those not seen before are opened.

    Stopped early, it holds what it has; the next call goes on from there.
    """
    by_sha = {one.sha256: one.path for one in images}
    found = {sha: data for sha, data in index.facts(PRINTS, by_sha).items() if _fits(data)}
    new = [(sha, path) for sha, path in by_sha.items() if sha not in found]
    done, unreadable = len(found), {}
    prints: dict[str, bytes] = {}
    looks: dict[str, bytes] = {}
    tell(done, len(by_sha))

    def one(pair: tuple[str, Path]) -> tuple[str, tuple[bytes, bytes] | ImageError | None]:
        if should_stop():
            return pair[0], None
        try:
            look = look_at(pair[1])
        except ImageError as error:
            return pair[0], error
        return pair[0], (print_of(look), packed(look))

    if len(new) > _MANY:
        decoders().widen(min(8, cpu_count()) + 1)  # none waits while we compute
    with ThreadPoolExecutor(decoders().size) as threads:
        for sha, result in threads.map(one, new):
            if result is None:
                continue
            done += 1
            if isinstance(result, ImageError):
                unreadable[sha] = str(result)
            else:
                found[sha] = prints[sha] = result[0]
                looks[sha] = result[1]
            if len(prints) >= _KEEP_EVERY:
                _keep(index, prints, looks)
                prints, looks = {}, {}
            tell(done, len(by_sha))
    _keep(index, prints, looks)
    return Printed(found, unreadable)


def look_at(path: Path) -> Look:
    """The look of a picture file; ImageError when it cannot be read."""
    import numpy as np
    from PIL import Image

    rgb, solid = image.load_look(path, SIDE)
    whole = Image.fromarray(rgb).convert("YCbCr")
    luma, blue, red = (np.asarray(band) for band in whole.split())
    half = (-(-whole.width // 2), -(-whole.height // 2))
    blue, red = (
        np.asarray(Image.fromarray(band).resize(half, Image.Resampling.BOX)) for band in (blue, red)
    )
    return Look(luma, blue, red, solid)


def print_of(look: Look) -> bytes:
    """Brightness at 32 × 32, both colours and how solid it is at 16 × 16, whatever its shape."""
    import numpy as np

    solid = np.full((1, 1), 255, np.uint8) if look.solid is None else look.solid
    layers = (
        _squared(look.luma, GRID),
        *(_squared(part, COARSE) for part in (look.blue, look.red, solid)),
    )
    return b"".join(layers)


def packed(look: Look) -> bytes:
    """As it is kept."""
    height, width = look.luma.shape
    layers = [look.luma, look.blue, look.red, *([] if look.solid is None else [look.solid])]
    pixels = b"".join(layer.tobytes() for layer in layers)
    return _HEADER.pack(width, height, look.solid is not None) + zlib.compress(pixels, 1)


def unpacked(data: bytes) -> Look | None:
    """None when it is not what was kept."""
    import numpy as np

    try:
        width, height, has_solid = _HEADER.unpack_from(data)
        pixels = np.frombuffer(zlib.decompress(data[_HEADER.size :]), dtype=np.uint8)
    except (struct.error, zlib.error):
        return None
    half = (-(-height // 2), -(-width // 2))
    shapes = [(height, width), half, half, *([(height, width)] if has_solid else [])]
    sizes = [tall * wide for tall, wide in shapes]
    if pixels.size != sum(sizes) or not pixels.size:
        return None
    ends = np.cumsum(sizes)[:-1]
    layers = [
        part.reshape(shape) for part, shape in zip(np.split(pixels, ends), shapes, strict=True)
    ]
    return Look(layers[0], layers[1], layers[2], layers[3] if has_solid else None)


def _squared(layer: NDArray[np.uint8], side: int) -> bytes:
    from PIL import Image

    small = Image.fromarray(layer)
    if min(small.size) < side:
        return small.resize((side, side), Image.Resampling.BILINEAR).tobytes()
    return small.resize((side, side), Image.Resampling.BOX).tobytes()


def _fits(data: bytes) -> bool:
    return len(data) == PRINT_SIZE


def _keep(index: Index, prints: dict[str, bytes], looks: dict[str, bytes]) -> None:
    if prints:
        index.keep_facts(LOOKS, looks)
        index.keep_facts(PRINTS, prints)
