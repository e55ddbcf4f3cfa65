"""Names that come from outside: one place that says what may become a file or folder name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from lorabake.core.errors import BadName

MAX_CHARACTERS = 100
MAX_BYTES = 200  # file systems allow 255; the rest is for suffixes such as "-07.safetensors"

_FORBIDDEN = set('/\\:*?"<>|')  # separators, NTFS streams and drives, and what Windows refuses
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.I | re.S
)


def safe_name(text: str) -> str:
    """The name as it will be on disk (any language, emoji too), or BadName saying what to change.

    Invisible characters are removed and spaces around it are dropped; nothing visible is changed.
    Applying it twice gives the same, and the result never leaves the folder it is put in.
    """
    name = _visible(text).strip()
    if not name:
        raise BadName("The name is empty. Type at least one letter or digit.")
    wrong = sorted({letter for letter in name if letter in _FORBIDDEN})
    if wrong:
        raise BadName(f'"{shown(name)}" cannot be a name: leave out {" ".join(wrong)}')
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        raise BadName(f'"{shown(name)}" holds control characters. Type the name anew.')
    if name.startswith(".") or name.endswith("."):
        raise BadName(f'"{shown(name)}" cannot be a name: it must not begin or end with a dot.')
    if len(name) > MAX_CHARACTERS or len(name.encode("utf-8")) > MAX_BYTES:
        raise BadName(f'"{shown(name)}" is too long: use at most {MAX_CHARACTERS} characters.')
    if _RESERVED.fullmatch(name):
        raise BadName(f'"{shown(name)}" is a name that Windows keeps for itself. Choose another.')
    return name


def is_safe_name(name: str) -> bool:
    """Is this already exactly what `safe_name` would give?"""
    try:
        return safe_name(name) == name
    except BadName:
        return False


def slug(text: str, *, otherwise: str = "image") -> str:
    """A safe name as near to `text` as possible; never fails."""
    visible = _visible(text)
    kept = "".join(
        "_"
        if letter in _FORBIDDEN or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
        else letter
        for letter in visible
    )
    name = _trimmed(kept)
    while len(name) > MAX_CHARACTERS or len(name.encode("utf-8")) > MAX_BYTES:
        name = _trimmed(name[:-1])
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return name if is_safe_name(name) else otherwise


def name_key(name: str) -> str:
    """Two names with one key would be one file on Windows or macOS."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or `wanted-2`, `wanted-3`, … when that is taken (whatever the case)."""
    keys = {name_key(name) for name in taken}
    name, number = wanted, 1
    while name_key(name) in keys:
        number += 1
        ending = f"-{number}"
        room = slug(wanted[: MAX_CHARACTERS - len(ending)])
        while len(f"{room}{ending}".encode()) > MAX_BYTES:
            room = room[:-1]
        name = f"{room}{ending}"
    return name


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts 2.png before 10.png; total, so that every machine orders alike."""
    parts = re.split(r"([0-9]{1,1000})", text)  # Python reads no number of 5,000 digits
    mixed = [
        (0, int(part), part) if number % 2 else (1, 0, name_key(part))
        for number, part in enumerate(parts)
    ]
    return (*mixed, (2, 0, text))


def shown(text: str, limit: int = 60) -> str:
    """A name as it may stand in a sentence: nothing invisible, not too long."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in text)
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def _visible(text: str) -> str:
    """NFC without format characters (bidi overrides, zero-width ones), which only serve to deceive."""
    kept = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", kept)


def _trimmed(name: str) -> str:
    while name != (shorter := name.strip().strip(".")):
        name = shorter
    return name
