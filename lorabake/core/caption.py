"""Captions: ordered tags, and the text file beside a picture that holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lorabake.core.errors import DatasetError
from lorabake.core.links import leads_out, link_sentence
from lorabake.core.names import shown

MAX_BYTES = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Caption:
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return ", ".join(self.tags)


@dataclass(frozen=True)
class CaptionFile:
    """A caption file as it was read.

    text: line ends are newlines, and the last one is left out. hash: tells later whether it is
    still the same. note: one sentence when something about the file deserves a look, else "".
    raw: its bytes; None when there is no file.
    """

    text: str
    hash: str
    exists: bool = True
    note: str = ""
    raw: bytes | None = None

    @cached_property
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

    DatasetError when it is too large, not text, or a link out of its workspace.
    """
    if leads_out(path):
        raise DatasetError(link_sentence(path))
    raw = _read_raw(path)
    if raw is None:
        return CaptionFile("", text_hash(""), exists=False)
    text, encoding = _decode(path, raw)
    plain = _one_newline(text)
    return CaptionFile(plain, text_hash(plain), note=_note(path, plain, encoding), raw=raw)


def encode_like(raw: bytes | None, text: str) -> bytes:
    """The bytes of a caption file for a new text, as alike to those it had as the text allows.

    text: as `read_caption` gives it, without the newline at the end; it would read the same from
    the result. Encoding, byte order mark, line ends and the newline at the end stay; UTF-8 where
    the text has letters that the old encoding lacks. DatasetError for the character NUL, and when
    it is too long for a caption.
    """
    wanted = _tidied(text)
    found = None if raw is None else _guess(raw)
    if found is None or raw is None:
        return _within_limit(_ended(wanted, "\n", False).encode())
    old, encoding = found
    if _one_newline(old) in (text, wanted):
        return raw
    lines = _ended(wanted, _newline_of(old), old.endswith(("\n", "\r")))
    for name, mark in (_written_as(raw, encoding), ("utf-8", b"")):
        with suppress(UnicodeEncodeError):
            data = mark + lines.encode(name) if lines else b""
            # Old Japanese and Western letters are told apart by guessing: it must guess the same.
            read = _guess(data)
            if read is not None and _one_newline(read[0]) == wanted:
                return _within_limit(data)
    return _within_limit(lines.encode())


def with_tags(text: str, tags: Sequence[str]) -> str:
    """The text with other tags in the line that has them; its other lines stay."""
    lines = text.splitlines(keepends=True)
    new = ", ".join(tags)
    for number, line in enumerate(lines):
        if parse_caption(line).tags:
            ending = line[len(line.splitlines()[0]) :]
            return "".join((*lines[:number], new, ending, *lines[number + 1 :]))
    return new


def clean_text(text: str) -> str:
    """A text that somebody typed as a caption file can hold it, without the newline at the end.

    Line ends become newlines and half letters a mark. DatasetError for the character NUL.
    """
    return _tidied(text).removesuffix("\n")


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
    found = _guess(raw)
    if found is None:
        raise DatasetError(
            f"{shown(path.name)} is not a text file. Write the caption anew, or delete the file."
        )
    return found


def _guess(raw: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding; None for what is not text at all."""
    if raw.startswith(_UTF16_MARKS):
        encodings = ["utf-16"]
    elif b"\0" in raw:
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp932", "cp1252", "latin-1"]
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if "\0" not in text:
                return text, encoding
    return None


def _written_as(raw: bytes, encoding: str) -> tuple[str, bytes]:
    """(encoding, byte order mark) to write what `_guess` read."""
    if encoding == "utf-16":
        return ("utf-16-le" if raw.startswith(_UTF16_MARKS[0]) else "utf-16-be"), raw[:2]
    if encoding == "utf-8-sig":
        return "utf-8", _BYTE_ORDER_MARK if raw.startswith(_BYTE_ORDER_MARK) else b""
    return encoding, b""


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
    return _newlines(text).removesuffix("\n")


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _tidied(text: str) -> str:
    if "\0" in text:
        raise DatasetError("A caption cannot hold the character NUL. Type it anew.")
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _newlines(whole.lstrip("\ufeff"))


def _newline_of(text: str) -> str:
    """The line end that a text uses: of Windows, of everybody, or of an old Mac."""
    if "\r\n" in text:
        return "\r\n"
    return "\r" if "\r" in text and "\n" not in text else "\n"


def _ended(text: str, newline: str, ended: bool) -> str:
    """With these line ends. A text whose last line is empty needs one more, as one is not read."""
    return text.replace("\n", newline) + (newline if text and (ended or text[-1] == "\n") else "")


def _within_limit(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise DatasetError(
            f"This is longer than {MAX_BYTES // 1024} KiB, which no caption is. Shorten it."
        )
    return data
