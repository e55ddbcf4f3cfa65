"""The texts inside PNG, WebP and JPEG files, read without opening the picture.

Only bytes are looked at, each text at most `MAX_TEXT` long; whatever does not fit is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

MAX_TEXT: Final = 2 * 2**20  # bytes of one text; ComfyUI keeps whole graphs
_MAX_CHUNKS = 2000
_MAX_ENTRIES = 200  # of an EXIF directory
_PNG = b"\x89PNG\r\n\x1a\n"
# Numbers of EXIF tags → what we call them.
_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _EXIF, _COMMENT = (
    0x010E,
    0x010F,
    0x0110,
    0x0131,
    0x8769,
    0x9286,
)
_NAMES = {
    _DESCRIPTION: "ImageDescription",
    _MAKE: "Make",
    _MODEL: "Model",
    _SOFTWARE: "Software",
    _COMMENT: "UserComment",
}


def read_texts(path: Path) -> dict[str, str]:
    """Name → text, as PNG keywords or EXIF names; {} for what has none, or is no such file."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
            file.seek(0)
            if start.startswith(_PNG):
                return dict(_png(file))
            if start.startswith(b"RIFF") and start[8:] == b"WEBP":
                return dict(_exif(_webp(file)))
            if start.startswith(b"\xff\xd8"):
                return dict(_exif(_jpeg(file)))
    except (OSError, struct.error, ValueError, zlib.error):
        pass
    return {}


# --- containers ----------------------------------------------------------------------------------


def _png(file: BinaryIO) -> Iterator[tuple[str, str]]:
    file.seek(len(_PNG))
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        if kind not in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") or size > MAX_TEXT:
            file.seek(size + 4, 1)
            continue
        data = file.read(size)
        file.seek(4, 1)  # the sum that nobody needs
        if kind == b"eXIf":
            yield from _exif(data)
        elif (found := _png_text(kind, data)) is not None:
            yield found


def _png_text(kind: bytes, data: bytes) -> tuple[str, str] | None:
    keyword, _, rest = data.partition(b"\0")
    name = keyword[:80].decode("latin-1")
    if kind == b"tEXt":
        # latin-1 says the format, but many programs write UTF-8.
        return name, _decoded(rest)
    if kind == b"zTXt":
        return name, _decoded(_inflated(rest[1:]))
    packed, rest = rest[:1] == b"\1", rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, rest = rest.partition(b"\0")
    return name, (_inflated(rest) if packed else rest).decode("utf-8", "replace")


def _webp(file: BinaryIO) -> bytes:
    file.seek(12)
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        kind, size = struct.unpack("<4sI", head)
        if kind == b"EXIF" and size <= MAX_TEXT:
            return file.read(size)
        file.seek(size + size % 2, 1)
    return b""


def _jpeg(file: BinaryIO) -> bytes:
    """Its first EXIF segment; a segment has at most 64 KiB."""
    file.seek(2)
    for _ in range(_MAX_CHUNKS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            break
        size = struct.unpack(">H", head[2:])[0] - 2
        if size < 0:
            break
        if head[1] == 0xE1:
            data = file.read(size)
            if data.startswith(b"Exif\0\0"):
                return data
        else:
            file.seek(size, 1)
    return b""


# --- EXIF ----------------------------------------------------------------------------------------


def _exif(data: bytes) -> Iterator[tuple[str, str]]:
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return
    first = struct.unpack(f"{order}I", data[4:8])[0]
    inner = 0
    for tag, value in _directory(data, order, first):
        if tag == _EXIF and len(value) >= 4:
            inner = struct.unpack(f"{order}I", value[:4])[0]
        elif tag in _NAMES:
            yield _NAMES[tag], _decoded(value.rstrip(b"\0"))
    if inner:  # looked into once, so a directory that names itself is no loop
        for tag, value in _directory(data, order, inner):
            if tag == _COMMENT:
                yield _NAMES[tag], _comment(value, order)


def _directory(data: bytes, order: str, start: int) -> Iterator[tuple[int, bytes]]:
    """(tag, its bytes) of texts, plain bytes and single numbers."""
    if start + 2 > len(data):
        return
    count = struct.unpack_from(f"{order}H", data, start)[0]
    for number in range(min(count, _MAX_ENTRIES)):
        at = start + 2 + 12 * number
        if at + 12 > len(data):
            return
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, at)
        if kind not in (1, 2, 4, 7, 129):
            continue
        size = length * (4 if kind == 4 else 1)
        if size > MAX_TEXT:
            continue
        offset = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, at + 8)[0]
        yield tag, data[offset : offset + size]


def _comment(value: bytes, order: str) -> str:
    """A UserComment: eight bytes say how the rest is written."""
    kind, rest = value[:8], value[8:]
    if kind == b"UNICODE\0":
        return _utf16(rest, order)
    if kind == b"JIS\0\0\0\0\0":
        return rest.decode("iso2022_jp", "replace").rstrip("\0")
    if kind in (b"ASCII\0\0\0", b"\0" * 8):
        return _decoded(rest.rstrip(b"\0"))
    return _decoded(value.rstrip(b"\0"))


def _utf16(data: bytes, order: str) -> str:
    """Some programs write the other order than the file's: the one with more plain letters is it."""
    data = data[: len(data) // 2 * 2]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").rstrip("\0")
    both = [data.decode(name, "replace").rstrip("\0") for name in ("utf-16-be", "utf-16-le")]
    best = sorted(both, key=lambda text: -sum(letter < "\u0250" for letter in text[:2000]))
    if sum(letter < "\u0250" for letter in best[0][:2000]) == sum(
        letter < "\u0250" for letter in best[1][:2000]
    ):
        return both[0] if order == ">" else both[1]
    return best[0]


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_TEXT)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
