"""Captions: ordered tags, and the text file beside a picture that holds them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import DatasetError
from lorabake.core.files import atomic_write_bytes
from lorabake.core.lock import folder_lock
from lorabake.core.names import shown

MAX_BYTES = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Caption:
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return ", ".join(self.tags)


@dataclass(frozen=True)
class CaptionFile:
    """A caption file as it was read.

    text: line ends are newlines, and the last one is left out. hash: give it to `save_caption`.
    note: one sentence when something about the file deserves a look, else "".
    """

    text: str
    hash: str
    exists: bool = True
    note: str = ""

    @property
    def caption(self) -> Caption:
        return parse_caption(self.text)


class StaleCaption(DatasetError):
    """The file changed since it was read; nothing was saved. Both texts are here."""

    def __init__(self, path: Path, *, disk_text: str, my_text: str) -> None:
        super().__init__(
            f"{shown(path.name)} was changed elsewhere since you opened it, so yours was not saved "
            "over it. Choose which of the two to keep."
        )
        self.path = path
        self.disk_text = disk_text
        self.disk_hash = text_hash(disk_text)
        self.my_text = my_text


def parse_caption(text: str) -> Caption:
    """Tags of the first line that has any; trainers read one line only."""
    for line in text.splitlines():
        tags = tuple(tag for part in line.split(",") if (tag := part.strip()))
        if tags:
            return Caption(tags)
    return Caption()


def caption_lines(text: str) -> tuple[str, ...]:
    """The lines that have tags, tidied up; all but the first are only used as wildcards."""
    found = (parse_caption(line).text for line in text.splitlines())
    return tuple(line for line in found if line)


def caption_path(image_path: Path, extension: str = ".txt") -> Path:
    return image_path.with_suffix(extension)


def text_hash(text: str) -> str:
    """Tells whether a caption is still what was read. A missing file counts as an empty one."""
    return hashlib.sha256(_one_newline(text).encode("utf-8", "surrogatepass")).hexdigest()


def read_caption(path: Path) -> CaptionFile:
    """Read a caption file, whichever editor wrote it; a missing one is empty.

    DatasetError when it is too large, or not text.
    """
    raw = _read_raw(path)
    if raw is None:
        return CaptionFile("", text_hash(""), exists=False)
    text, encoding = _decode(path, raw)
    plain = _one_newline(text)
    return CaptionFile(plain, text_hash(plain), note=_note(path, plain, encoding))


def save_caption(image_path: Path, text: str, base_hash: str, *, extension: str = ".txt") -> str:
    """Save what somebody edited, and give the hash for their next save.

    base_hash: of the text they began with. StaleCaption when the file is no longer that: another
    window, program or person was faster. Line ends stay as they are in the file; UTF-8.
    """
    path = caption_path(image_path, extension)
    wanted = _one_newline(text)
    if "\0" in wanted:
        raise DatasetError("A caption cannot hold the character NUL. Type it anew.")
    with folder_lock(path.parent):
        raw = _read_raw(path)
        on_disk = "" if raw is None else _decode(path, raw)[0]
        current = _one_newline(on_disk)
        if text_hash(current) != base_hash:
            if current == wanted:
                return text_hash(current)
            raise StaleCaption(path, disk_text=current, my_text=wanted)
        if wanted != current:
            data = _with_line_ends_of(on_disk, wanted).encode("utf-8", "replace")
            if len(data) > MAX_BYTES:
                raise DatasetError(_too_large(path))
            atomic_write_bytes(path, data)
    return text_hash(wanted)


def _read_raw(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatasetError(
            f"{shown(path.name)} cannot be read ({error.strerror}). Look at its permissions."
        ) from error
    if len(raw) > MAX_BYTES:
        raise DatasetError(_too_large(path))
    return raw


def _too_large(path: Path) -> str:
    return (
        f"{shown(path.name)} is larger than {MAX_BYTES // 1024} KiB, which no caption is. "
        "Shorten it, or delete it."
    )


def _decode(path: Path, raw: bytes) -> tuple[str, str]:
    """The text and the name of its encoding; DatasetError for what is not text at all."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in raw:
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp932", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise DatasetError(
        f"{shown(path.name)} is not a text file. Write the caption anew, or delete the file."
    )


def _note(path: Path, text: str, encoding: str) -> str:
    if encoding not in ("utf-8-sig", "utf-16"):
        return (
            f"{shown(path.name)} is not UTF-8 and was read as {encoding}: "
            "look whether its letters are right, and save it again."
        )
    lines = sum(1 for line in text.splitlines() if line.strip())
    if lines > 1:
        return (
            f"{shown(path.name)} has {lines} lines, of which only the first is trained: "
            "put all tags on one line, with commas between."
        )
    return ""


def _one_newline(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def _with_line_ends_of(original: str, text: str) -> str:
    newline = "\r\n" if "\r\n" in original else "\n"
    ended = original.endswith(("\n", "\r"))
    return text.replace("\n", newline) + (newline if ended and text else "")
