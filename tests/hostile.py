"""A hundred deliberately bad files: what a folder from the net, or somebody's old disk, may hold."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

# How a file must be met. used: as a picture. named: left out, with a reason that holds its name.
# passed: not looked at as a picture at all (no picture's name, hidden, no file).
USED, NAMED, EITHER, PASSED = "used", "named", "either", "passed"


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.met: dict[str, str] = {}

    def put(self, name: str, data: bytes, met: str) -> None:
        (self.path / name).write_bytes(data)
        self.met[name] = met


def hostile_folder(path: Path) -> dict[str, str]:
    """Write them all; name → how it must be met. At least 100, in about a second."""
    path.mkdir(parents=True)
    folder = _Folder(path)
    for write in (_torn, _disguised, _bombs, _modes, _animated, _names, _metadata, _links):
        write(folder)
    assert len(folder.met) >= 100, len(folder.met)
    return folder.met


def scene(seed: int = 0, size: tuple[int, int] = (96, 72), mode: str = "RGB") -> Image.Image:
    """A small picture with enough in it that every format needs some hundred bytes."""
    width, height = size
    ramp = Image.linear_gradient("L").resize(size)
    other = ramp.rotate(90).resize(size)
    flat = Image.new("L", size, (seed * 53) % 256)
    image = Image.merge("RGB", (ramp, other, flat))
    image.paste((250, seed % 250, 40), (width // 4, height // 4, width // 2, height // 2))
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _torn(folder: _Folder) -> None:
    for form, ending in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")):
        whole = encoded(scene(), form)
        folder.put(f"zero bytes.{ending}", b"", NAMED)
        for tenth in range(1, 10):
            folder.put(f"torn-{tenth}0.{ending}", whole[: len(whole) * tenth // 10], NAMED)


def _disguised(folder: _Folder) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", encoded(scene(), "PNG"))
    page = b"<!DOCTYPE html><html><body>Please log in to see this picture</body></html>"
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect/></svg>'
    folder.put("png inside.jpg", encoded(scene(1), "PNG"), USED)
    folder.put("jpeg inside.png", encoded(scene(2), "JPEG"), USED)
    folder.put("webp inside.png", encoded(scene(3), "WEBP"), USED)
    folder.put("gif inside.jpg", encoded(scene(4), "GIF"), USED)
    folder.put("bmp inside.png", encoded(scene(5), "BMP"), USED)
    folder.put("tiff inside.png", encoded(scene(6), "TIFF"), NAMED)
    folder.put("eps inside.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NAMED)
    folder.put("zip inside.png", archive.getvalue(), NAMED)
    folder.put("video.jpg", b"\0\0\0\x18ftypmp42" + b"\0" * 300, NAMED)
    folder.put("program.png", b"MZ" + b"\x90" * 400, NAMED)
    folder.put("page.jpg", page, NAMED)
    folder.put("page.webp", page, NAMED)
    folder.put("drawing.svg", drawing, PASSED)
    folder.put("drawing.png", drawing, NAMED)
    folder.put("document.png", b"%PDF-1.7\n" + b"x" * 200, NAMED)
    folder.put("answer.jpg", json.dumps({"success": False}).encode(), NAMED)
    folder.put("noise.png", bytes(range(256)) * 4, NAMED)
    folder.put("signature only.png", b"\x89PNG\r\n\x1a\n", NAMED)
    folder.put("signature only.jpg", b"\xff\xd8\xff", NAMED)


def png_of(width: int, height: int, *, data: bytes = b"", extra: bytes = b"") -> bytes:
    """A grey PNG with any size in its header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), extra, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _bombs(folder: _Folder) -> None:
    zeros = zlib.compressobj(9)
    line = b"\0" * 9001
    packed = b"".join(zeros.compress(line) for _ in range(9000)) + zeros.flush()
    folder.put("bomb 81 Mpx.png", png_of(9000, 9000, data=packed), NAMED)
    folder.put("bomb 4 Gpx.png", png_of(65535, 65535, data=packed[:2000]), NAMED)
    folder.put("bomb of sides.png", png_of(2**31 - 1, 2**31 - 1), NAMED)
    folder.put("no width.png", png_of(0, 10, data=zlib.compress(b"")), NAMED)
    text = b"comment\0\0" + zlib.compress(b"A" * 200 * 2**20, 9)
    rows = zlib.compress((b"\0" + b"\x80" * 64) * 64)
    folder.put("bomb of text.png", png_of(64, 64, data=rows, extra=_chunk(b"zTXt", text)), EITHER)
    folder.put("30,000 px wide.png", encoded(Image.new("1", (30_000, 3_000)), "PNG"), NAMED)
    folder.put("30,000 px high.png", encoded(Image.new("1", (200, 30_000)), "PNG"), NAMED)
    folder.put("1 px.png", encoded(Image.new("RGB", (1, 1)), "PNG"), USED)
    folder.put("a thread.png", encoded(Image.new("RGB", (2000, 1)), "PNG"), USED)


def _modes(folder: _Folder) -> None:
    glass = scene(7, mode="RGBA")
    glass.putalpha(Image.linear_gradient("L").resize(glass.size))
    palette = scene(8).quantize(8)
    folder.put("cmyk.jpg", encoded(scene(9, mode="CMYK"), "JPEG"), USED)
    folder.put("sixteen bit.png", encoded(Image.new("I;16", (64, 64), 30_000), "PNG"), USED)
    folder.put("one bit.png", encoded(scene(10, mode="1"), "PNG"), USED)
    folder.put("grey.jpg", encoded(scene(11, mode="L"), "JPEG"), USED)
    folder.put("glass.png", encoded(glass, "PNG"), USED)
    folder.put("glass.webp.png", encoded(glass, "WEBP"), USED)
    folder.put("palette.png", encoded(palette, "PNG", transparency=0), USED)
    folder.put("invisible.png", encoded(Image.new("RGBA", (64, 64), (9, 9, 9, 0)), "PNG"), USED)
    folder.put("progressive.jpg", encoded(scene(12), "JPEG", progressive=True), USED)


def _animated(folder: _Folder) -> None:
    frames = {"save_all": True, "append_images": [scene(14), scene(15)], "duration": 50}
    for form, ending in (("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")):
        folder.put(f"moving.{ending}.{ending}", encoded(scene(13), form, **frames), USED)


def _names(folder: _Folder) -> None:
    names = [
        "カフカ.png",
        "🦊🔥.png",
        "e\u0301 or é.png",
        "right\u202eto left.png",
        "zero\u200bwidth.png",
    ]
    names += [f"{'long' * 61}.png", "-rf.png", "--help.png", "100%.png", "%2e%2e%2fup.png"]
    names += ["it's.png", "$(touch hacked).png", "a;b&c.png", "${window.hacked=1}.png", "#1 ?.png"]
    names += ["[x].png", "a, b (c).png", "UPPER.PNG", "two.dots.png", "=cmd.png"]
    if sys.platform != "win32":
        names += ["new\nline.png", "tab\t.png", 'quote".png', "<img src=x onerror=alert(1)>.png"]
        names += ["back\\slash.png", "trailing .png", "C:drive.png", "CON.png", "aux.jpg"]
        names += ["nul.webp", "COM1.png", "lpt9.txt.png"]
    for number, name in enumerate(names):
        form = {"jpg": "JPEG", "webp": "WEBP"}.get(name.rpartition(".")[2], "PNG")
        folder.put(name, encoded(scene(20 + number), form), EITHER)
    folder.put(".hidden.png", encoded(scene(), "PNG"), PASSED)
    if sys.platform == "linux":
        raw = os.fsencode(folder.path) + b"/not-\xff-text.png"
        with open(raw, "wb") as file:  # noqa: PTH123 - a Path would want it as text
            file.write(encoded(scene(60), "PNG"))
        folder.met[os.fsdecode(b"not-\xff-text.png")] = EITHER


def _metadata(folder: _Folder) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    whole = encoded(scene(61), "JPEG")
    folder.put("turned.jpg", encoded(scene(62), "JPEG", exif=turned), USED)
    folder.put(
        "exif of noise.jpg", encoded(scene(63), "JPEG", exif=b"Exif\0\0" + b"\xff" * 90), EITHER
    )
    folder.put("profile of noise.jpg", encoded(scene(64), "JPEG", icc_profile=b"no" * 90), EITHER)
    folder.put("more behind.jpg", whole + b"<script>" * 90, USED)
    folder.put("zip behind.png", encoded(scene(65), "PNG") + b"PK\x03\x04" * 90, USED)


def _links(folder: _Folder) -> None:
    outside = folder.path.parent / f"{folder.path.name}-outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded(scene(70), "PNG"))
    locked = folder.path / "read-only.png"
    folder.put(locked.name, encoded(scene(71), "PNG"), USED)
    locked.chmod(0o444)
    (folder.path / "a folder.png").mkdir()
    folder.met["a folder.png"] = PASSED
    if sys.platform == "win32":
        return
    (folder.path / "link outside.png").symlink_to(outside / "secret.png")
    (folder.path / "link to nothing.png").symlink_to(outside / "nothing.png")
    (folder.path / "link to itself.png").symlink_to(folder.path / "link to itself.png")
    folder.met |= dict.fromkeys(("link outside.png", "link to nothing.png"), EITHER)
    folder.met["link to itself.png"] = EITHER
    os.mkfifo(folder.path / "pipe.png")
    folder.met["pipe.png"] = EITHER


Look = Callable[[Path], tuple[set[str], list[str]]]
"""From a folder: names of pictures that were used, and sentences about those that were not."""


def must_be_met(met: dict[str, str], used: set[str], sentences: list[str]) -> None:
    """Every file is used, or named with a reason; nothing bad is used."""
    wrong = [name for name, how in met.items() if how == NAMED and name in used]
    assert not wrong, f"used, though bad: {wrong}"
    lost = [name for name, how in met.items() if how == USED and name not in used]
    assert not lost, f"left out, though good: {lost}"
    told = "\n".join(sentences)
    silent = [name for name, how in met.items() if how == NAMED and name[:40] not in told]
    assert not silent, f"left out without a word: {silent}"
