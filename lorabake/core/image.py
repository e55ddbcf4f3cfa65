"""Pictures from strangers: what they are, their pixels, their thumbnails.

Nothing here decodes in this process; that is done by limited child processes (core/decoder.py),
so that the worst picture is an unreadable picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lorabake.core.decoder import Answer, DecoderFailure, decoders
from lorabake.core.errors import ImageError, RecipeError
from lorabake.core.names import shown

if TYPE_CHECKING:  # numpy costs a tenth of a second, which the page and the runner need not pay
    import numpy as np
    from numpy.typing import NDArray

RGB: TypeAlias = "NDArray[np.uint8]"  # (H, W, 3), sRGB

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif")
THUMBNAIL_SIDE = 256  # px
MAX_PIXELS, MAX_SIDE = 64_000_000, 16_384  # that are read (core/decoder_worker.py); px
WHITE = "#ffffff"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

# What is done to a picture without asking, and what to do if that is not wanted.
NOTES = {
    "animated": "is animated: only its first frame is used; if you want another one, save it as PNG.",
    "cmyk": "has the colours of print (CMYK), converted for the screen: save it as RGB if they look wrong.",
    "16-bit": "has 16 bits per colour and is read with 8, which is all a model sees: nothing to do.",
    "transparent": "has transparent areas, which become white, or the recipe's matte: paint a background if you want another.",
    "turned": "is stored turned (EXIF) and is used upright, as viewers show it: nothing to do.",
}
NOTES_TO_ACT_ON = frozenset({"animated", "cmyk", "transparent"})


@dataclass(frozen=True)
class ImageInfo:
    """What a picture file holds.

    width, height: px, upright (after the EXIF rotation).
    mode: Pillow's name of the stored colours; notes: keys of NOTES; sha256: of the file's bytes.
    """

    width: int
    height: int
    format: str
    frames: int
    mode: str
    notes: tuple[str, ...]
    sha256: str

    @property
    def note(self) -> str:
        """The notes as they read on after the file's name; "" when there are none."""
        return " It ".join(NOTES[note] for note in self.notes)


def is_picture_name(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def is_readable(size: tuple[int, int]) -> bool:
    """Would a picture of this size (width, height) be read again?"""
    return size[0] * size[1] <= MAX_PIXELS and max(size) <= MAX_SIDE


def probe(path: Path, *, thorough: bool = True) -> ImageInfo:
    """What this picture is, or ImageError with the reason and the remedy.

    thorough: decode every pixel. Otherwise only what leaves doubts about its header or its end.
    """
    answer = _ask(path, {"do": "probe", "thorough": thorough})
    return _info(path, answer.header)


def probe_many(
    paths: Sequence[Path],
    *,
    thorough: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[ImageInfo | ImageError]:
    """`probe` for many, side by side; the answers in the order of the paths."""

    def one(path: Path) -> ImageInfo | ImageError:
        try:
            return probe(path, thorough=thorough)
        except ImageError as error:
            return error

    found: list[ImageInfo | ImageError] = []
    with ThreadPoolExecutor(decoders().size) as threads:
        for info in threads.map(one, paths):
            found.append(info)
            if on_progress:
                on_progress(len(found), len(paths))
    return found


def load_rgb(path: Path, matte: str = WHITE) -> RGB:
    """The pixels, upright, (H, W, 3) uint8.

    Transparent areas become `matte`, 16 bits become 8, CMYK goes through its colour profile, and
    of an animation it is the first frame.
    """
    return _pixels(path, {"do": "pixels", "matte": matte_colour(matte)}, 3)


def load_alpha(path: Path) -> NDArray[np.uint8]:
    """How solid each pixel is, upright, (H, W) uint8; all 255 without transparency."""
    return _pixels(path, {"do": "alpha"}, 1)[:, :, 0]


def load_small(path: Path, side: int) -> RGB:
    """(h, w, 3) uint8, upright, on white, at most `side` px a side; never enlarged.

    A JPEG is shrunk while it is decoded, which takes a fraction of the time.
    """
    return _pixels(path, {"do": "small", "side": side}, 3)


def load_look(path: Path, side: int) -> tuple[RGB, NDArray[np.uint8] | None]:
    """A small copy as `load_small`, faster and a little softer, and how solid it is.

    (h, w, 3) on white, so that hidden colours never matter, and (h, w); None when all is solid.
    """
    import numpy as np

    answer = _ask(path, {"do": "look", "side": side})
    width, height = int(answer.header["width"]), int(answer.header["height"])
    layers = 3 if answer.header["solid"] is True else 4
    if len(answer.payload) != width * height * layers:
        raise ImageError(f"{shown(path.name)} could not be decoded. Save it anew as PNG.")
    values = np.frombuffer(answer.payload, dtype=np.uint8)
    rgb = values[: width * height * 3].reshape(height, width, 3)
    return rgb, values[width * height * 3 :].reshape(height, width) if layers == 4 else None


def load_square(path: Path, side: int) -> RGB:
    """(side, side, 3) uint8: upright, on white, padded with white to a square, resized (bicubic)."""
    return _pixels(path, {"do": "square", "side": side}, 3)


def matte_colour(text: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers; raises RecipeError for anything else."""
    if not _COLOUR.fullmatch(text):
        raise RecipeError(
            f"The matte {shown(text)} is not a colour. Write it as #rrggbb, such as #ffffff for white."
        )
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _pixels(path: Path, request: dict[str, Any], channels: int) -> NDArray[np.uint8]:
    import numpy as np

    answer = _ask(path, request)
    width, height = int(answer.header["width"]), int(answer.header["height"])
    if len(answer.payload) != width * height * channels:
        raise ImageError(f"{shown(path.name)} could not be decoded. Save it anew as PNG.")
    return np.frombuffer(answer.payload, dtype=np.uint8).reshape(height, width, channels)


def thumbnail(path: Path, side: int = THUMBNAIL_SIDE) -> bytes:
    """A small WebP with `side` px at its longest side."""
    return bytes(_ask(path, {"do": "thumbnail", "side": side}).payload)


def resize_cover(
    rgb: RGB,
    *,
    resized: tuple[int, int],
    bucket: tuple[int, int],
    corner: tuple[int, int] | None = None,
) -> RGB:
    """Resize to `resized` (width, height) and cut `bucket` (width, height) out of it.

    corner: left and top of the cut, px; None cuts out of the middle.

    Shrinking averages areas exactly, enlarging is Lanczos, as the trainers of the guide do
    (cv2's INTER_AREA and Lanczos).
    """
    import numpy as np

    height, width, _ = rgb.shape
    if (width, height) == resized:
        scaled = rgb
    elif width > resized[0] and height > resized[1]:
        scaled = shrink(rgb, *resized)
    else:
        from PIL import Image

        picture = Image.fromarray(rgb).resize(resized, Image.Resampling.LANCZOS)
        scaled = np.array(picture)
    left, top = corner or ((resized[0] - bucket[0]) // 2, (resized[1] - bucket[1]) // 2)
    return np.ascontiguousarray(scaled[top : top + bucket[1], left : left + bucket[0]])


def shrink(rgb: RGB, width: int, height: int) -> RGB:
    """Each new pixel is the mean of the area it covers, parts of pixels counted as parts."""
    import numpy as np

    narrow = _average_rows(rgb.transpose(1, 0, 2), width).transpose(1, 0, 2)
    small = _average_rows(narrow, height)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def _average_rows(values: NDArray[Any], rows: int) -> NDArray[np.float32]:
    """(N, …) → (rows, …), float32."""
    import numpy as np

    ratio = len(values) / rows
    upper = np.arange(rows) * ratio
    lower = upper + ratio
    first = np.floor(upper).astype(np.intp)
    total = np.zeros((rows, *values.shape[1:]), dtype=np.float32)
    for step in range(ceil(ratio) + 1):
        row = first + step
        covered = np.clip(np.minimum(row + 1, lower) - np.maximum(row, upper), 0, 1) / ratio
        weights = covered.astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
        total += values[np.minimum(row, len(values) - 1)] * weights
    return total


def sentences(path: Path, notes: Iterable[str]) -> list[str]:
    """Each note as a whole sentence about this file."""
    return [f"{shown(path.name)} {NOTES[note]}" for note in notes]


def _ask(path: Path, request: dict[str, Any]) -> Answer:
    name = shown(path.name)
    try:
        with decoders().lend() as decoder:
            answer = decoder.ask({**request, "path": str(path.absolute())})
    except DecoderFailure as error:
        raise ImageError(f"{name} {error}") from error
    if "refused" in answer.header:
        raise ImageError(f"{name} {answer.header['refused']}")
    return answer


def _info(path: Path, header: dict[str, Any]) -> ImageInfo:
    try:
        return ImageInfo(
            width=int(header["width"]),
            height=int(header["height"]),
            format=str(header["format"]),
            frames=int(header["frames"]),
            mode=str(header["mode"]),
            notes=tuple(note for note in header["notes"] if note in NOTES),
            sha256=str(header["sha256"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError(f"{shown(path.name)} could not be read. Save it anew as PNG.") from error
