"""The process that opens pictures from strangers: little memory, nothing to lose, may die any time.

Started by core/image.py as a plain script; imports nothing of lorabake. Reads one JSON request a
line on stdin, answers one JSON line on stdout, followed by `size` bytes. A refused picture is
answered with a reason that reads on after the file's name: "x.png" + "is cut off …".
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

with suppress(ImportError):  # some builds of Pillow lack it
    from PIL import AvifImagePlugin  # noqa: F401

PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
MEMORY = 2 * 1024**3  # bytes of address space
MAX_FILE = 256 * 1024**2  # bytes
MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384
MAX_SQUARE = 8_192  # px a side of a padded square
TURNED = {  # EXIF orientation → what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
AGAIN = "download or copy it again, or delete it."
SAVE_AS = "save it as PNG, JPEG or WebP."
OTHER_FORMATS = (
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF file"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"PK\x03\x04", "an archive (zip), or a drawing kept in one"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"Rar!", "an archive (rar)"),
    (b"7z\xbc\xaf", "an archive (7z)"),
)


class RefusedError(Exception):
    """The reason, as it reads on after the file's name."""


def main() -> None:
    limit_memory()
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # our own limits are lower, and refuse instead of warning
    Image._initialized = 2  # never load the plugins of all the other formats
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    for line in sys.stdin.buffer:
        header, payload = answer(json.loads(line))
        answers.write(json.dumps({**header, "size": len(payload)}).encode() + b"\n")
        answers.write(payload)
        answers.flush()


def limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):  # macOS has no such limit
        pass


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        data = read_file(request["path"])
        return ACTIONS[request["do"]](data, request)
    except RefusedError as reason:
        return {"refused": str(reason)}, b""
    except MemoryError:
        return {"refused": f"needs more memory than a picture should: {SAVE_AS}"}, b""
    except Exception as error:
        return {"refused": decoding_reason(error)}, b""


def decoding_reason(error: Exception) -> str:
    text = str(error)
    if "truncated" in text or isinstance(error, EOFError):
        return f"is cut off before its end: {AGAIN}"
    return f"is damaged and cannot be decoded: {AGAIN}"


def read_file(path: str) -> bytes:
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError:
        raise RefusedError("is not there any more: scan the folder again.") from None
    except OSError as error:
        raise RefusedError(
            f"cannot be opened ({error.strerror}): look at its permissions."
        ) from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise RefusedError("is not a file: remove it from the folder.")
    with os.fdopen(handle, "rb") as file:
        if found.st_size == 0:
            raise RefusedError(f"is empty (0 bytes): {AGAIN}")
        if found.st_size > MAX_FILE:
            raise RefusedError(f"is larger than {MAX_FILE // 1024**2} MiB: {SAVE_AS}")
        return file.read(MAX_FILE + 1)


def open_picture(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise RefusedError(what_else(data)) from None
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise RefusedError(
            f"is {width} × {height} px, and at most {MAX_PIXELS // 1_000_000} megapixels and "
            f"{MAX_SIDE} px a side are read: make it smaller first."
        )
    return image


def what_else(data: bytes) -> str:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return f"is an SVG drawing: {SAVE_AS}"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<script")):
        return (
            "is a web page, not a picture: the site probably wants a login, "
            "so open it in your browser and save the picture from there."
        )
    for magic, kind in OTHER_FORMATS:
        if data.startswith(magic):
            return f"is {kind}: {SAVE_AS}"
    if data[4:8] == b"ftyp":
        kind = "a HEIC picture" if data[8:12] in (b"heic", b"heix", b"mif1") else "a video"
        return f"is {kind}: {SAVE_AS}"
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")) or data[8:12] == b"WEBP":
        return f"is damaged at its beginning and cannot be read: {AGAIN}"
    return f"is not a picture that can be read here: {SAVE_AS}"


def orientation(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG" and not png_has_exif(data):
        return 1  # Pillow would decode the whole picture to look behind the pixels
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a broken Exif block is no reason to lose the picture
        return 1


def png_has_exif(data: bytes) -> bool:
    return b"eXIf" in data or b"Raw profile type exif" in data or b"XML:com.adobe.xmp" in data


def looks_whole(data: bytes, kind: str | None) -> bool:
    """Cheap signs that the file reaches its end. When they are missing, decoding has to tell."""
    if kind == "PNG":
        return png_is_whole(data)
    if kind == "JPEG":
        return data.rstrip(b"\0").endswith(b"\xff\xd9")
    if kind == "GIF":
        return data.rstrip(b"\0").endswith(b";")
    if kind == "WEBP":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return False


def png_is_whole(data: bytes) -> bool:
    at, view = 8, memoryview(data)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return False
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return False
        if name == b"IEND":
            return True
        at = end
    return False


def may_be_transparent(image: Image.Image) -> bool:
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info


def is_transparent(image: Image.Image) -> bool:
    """Does any pixel show what is behind it? (Decodes the picture.)"""
    if not may_be_transparent(image):
        return False
    histogram = image.convert("RGBA").getchannel("A").histogram()
    return any(histogram[:255])


def is_16_bit(image: Image.Image, data: bytes) -> bool:
    return image.mode.startswith("I") or (image.format == "PNG" and data[24:25] == b"\x10")


def probe(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    image = open_picture(data)
    mode, kind, frames = image.mode, image.format, getattr(image, "n_frames", 1)
    turned = orientation(image, data)
    transparent = may_be_transparent(image)
    if request["thorough"] or transparent or not looks_whole(data, kind):
        image.load()
        transparent = is_transparent(image)
    width, height = image.size
    if turned >= 5:
        width, height = height, width
    signs = {
        "animated": frames > 1 and kind != "MPO",
        "cmyk": mode == "CMYK",
        "16-bit": is_16_bit(image, data),
        "transparent": transparent,
        "turned": turned in TURNED,
    }
    return {
        "width": width,
        "height": height,
        "format": "JPEG" if kind == "MPO" else kind,
        "frames": frames,
        "mode": mode,
        "notes": [name for name, seen in signs.items() if seen],
        "sha256": hashlib.sha256(data).hexdigest(),
    }, b""


Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def upright_rgb(image: Image.Image, data: bytes, matte: Colour = WHITE) -> Image.Image:
    turned = orientation(image, data)
    image.load()
    return upright(to_rgb(image, matte), turned)


def upright(image: Image.Image, turned: int) -> Image.Image:
    return image.transpose(TURNED[turned]) if turned in TURNED else image


def to_rgb(image: Image.Image, matte: Colour) -> Image.Image:
    if image.mode == "CMYK":
        return cmyk_to_rgb(image)
    if image.mode.startswith("I"):
        return sixteen_bit_to_rgb(image)
    if may_be_transparent(image):
        pixels = image.convert("RGBA")
        below = Image.new("RGB", pixels.size, matte)
        below.paste(pixels, mask=pixels.getchannel("A"))
        return below
    return image.convert("RGB")


def cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """Through the picture's own colour profile; without it, colours would be far too bright."""
    profile = image.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            screen = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, inks, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def sixteen_bit_to_rgb(image: Image.Image) -> Image.Image:
    import numpy as np

    values = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")


def pixels(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    red, green, blue = request["matte"]
    rgb = upright_rgb(open_picture(data), data, (red, green, blue))
    return {"width": rgb.width, "height": rgb.height}, rgb.tobytes()


def alpha(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    image = open_picture(data)
    turned = orientation(image, data)
    image.load()
    if may_be_transparent(image):
        solid = image.convert("RGBA").getchannel("A")
    else:
        solid = Image.new("L", image.size, 255)
    solid = upright(solid, turned)
    return {"width": solid.width, "height": solid.height}, solid.tobytes()


def reduced(data: bytes, side: int) -> Image.Image:
    """Upright on white with at most `side` px a side; never enlarged."""
    image = open_picture(data)
    if image.format == "JPEG":
        image.draft(None, (2 * side, 2 * side))  # libjpeg shrinks by 2, 4 or 8 while decoding
    rgb = upright_rgb(image, data)
    rgb.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return rgb


def small(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    rgb = reduced(data, int(request["side"]))
    return {"width": rgb.width, "height": rgb.height}, rgb.tobytes()


def look(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A small copy on white in a hurry: RGB, and behind it how solid it is where that is not all."""
    side = int(request["side"])
    image = open_picture(data)
    if image.format == "JPEG":
        image.draft(None, (side * 3 // 2, side * 3 // 2))
    turned = orientation(image, data)
    image.load()
    solid = image.convert("RGBA").getchannel("A") if may_be_transparent(image) else None
    if solid is not None and solid.getextrema()[0] == 255:
        image, solid = image.convert("RGB"), None
    layers = [to_rgb(image, WHITE), *([solid] if solid else [])]
    scale = min(1.0, side / max(image.size))
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = [
        upright(one.resize(shape, Image.Resampling.BOX, reducing_gap=2.0), turned) for one in layers
    ]
    header = {"width": small[0].width, "height": small[0].height, "solid": solid is None}
    return header, b"".join(one.tobytes() for one in small)


def thumbnail(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    rgb = reduced(data, int(request["side"]))
    written = io.BytesIO()
    rgb.save(written, "WEBP", quality=82, method=2)
    return {"width": rgb.width, "height": rgb.height}, written.getvalue()


def square(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Upright on white, padded to a square with white on both sides, resized: bicubic."""
    side = int(request["side"])
    rgb = upright_rgb(open_picture(data), data)
    if max(rgb.size) > MAX_SQUARE:  # a strip: its square alone would take a gigabyte
        rgb.thumbnail((MAX_SQUARE, MAX_SQUARE), Image.Resampling.BICUBIC)
    longest = max(rgb.size)
    padded = Image.new("RGB", (longest, longest), WHITE)
    padded.paste(rgb, ((longest - rgb.width) // 2, (longest - rgb.height) // 2))
    if longest != side:
        padded = padded.resize((side, side), Image.Resampling.BICUBIC)
    return {"width": side, "height": side}, padded.tobytes()


Action = Callable[[bytes, dict[str, Any]], tuple[dict[str, Any], bytes]]
ACTIONS: dict[str, Action] = {
    "probe": probe,
    "pixels": pixels,
    "alpha": alpha,
    "small": small,
    "look": look,
    "thumbnail": thumbnail,
    "square": square,
}

if __name__ == "__main__":
    main()
