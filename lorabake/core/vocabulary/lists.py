"""Reading tag lists: the CSV files of tagcomplete, of the WD taggers, and of implications.

A list comes from anywhere, so each line is read for itself: one that makes no sense is counted and
left out, and cannot swallow the lines after it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lorabake.core.errors import DatasetError
from lorabake.core.names import shown
from lorabake.core.tags import CATEGORIES
from lorabake.core.vocabulary.entries import Entry

MAX_FILE: Final = 64 * 2**20  # bytes
MAX_ROWS: Final = 2_000_000
MAX_NAME: Final = 200  # characters
MAX_ALIASES: Final = 100  # of one tag
MAX_DIGITS: Final = 12  # of a count

# What the numbers in a list stand for. Danbooru's, and the taggers' with 9 for ratings:
DANBOORU: Final = {
    0: "general",
    1: "artist",
    3: "copyright",
    4: "character",
    5: "meta",
    9: "rating",
}
# e621's: contributors are people, species describe what is seen, lore is about the picture.
E621: Final = {
    **dict.fromkeys((0, 5), "general"),
    **dict.fromkeys((1, 2), "artist"),
    **dict.fromkeys((7, 8), "meta"),
    3: "copyright",
    4: "character",
    6: "",
}
# Lists of both boards in one file move e621's numbers up by 7.
MERGED: Final = DANBOORU | {number + 7: category for number, category in E621.items()}
_ONLY_E621: Final = frozenset({2, 6, 7, 8})

_NAME: Final = ("name", "tag", "tag_name")
_CATEGORY: Final = ("category", "type")
_COUNT: Final = ("count", "post_count", "posts")
_ALIASES: Final = ("aliases", "alias")


class TagListError(DatasetError):
    """A file that is no list of tags."""


@dataclass(frozen=True)
class TagList:
    """What a file held. skipped: lines that made no sense."""

    entries: tuple[Entry, ...]
    skipped: int = 0


@dataclass(frozen=True)
class ImplicationList:
    """Pairs (tag, what it implies) as the board writes them. skipped: lines that made no sense."""

    pairs: tuple[tuple[str, str], ...]
    skipped: int = 0


def is_implications(path: Path) -> bool:
    """Implications are told from tags by the file's name, or by its header."""
    if "implication" in path.name.casefold():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(80).removeprefix(b"\xef\xbb\xbf").lower()
    except OSError:
        return False
    return start.startswith((b"tag,implies", b"antecedent_name,consequent_name"))


def read_tag_list(path: Path) -> TagList:
    """A list with or without a header; TagListError for a file that holds none."""
    rows = _rows(path)
    columns = _columns(rows[0]) if rows else None
    places = columns or {"name": 0, "category": 1, "count": 2, "aliases": 3}
    body = rows[1:] if columns else rows
    table = _table(path, body, places, is_tagger=bool(rows) and "tag_id" in rows[0])
    read = _reader(places, table)
    entries = [entry for row in body if (entry := read(row))]
    if not entries:
        raise TagListError(
            f"{shown(path.name)} holds no tags. A list has lines like long_hair,0,4350743 or "
            'long_hair,0,4350743,"longhair".'
        )
    return TagList(tuple(entries), len(body) - len(entries))


def read_implications(path: Path) -> ImplicationList:
    """Pairs `tag,implies`, with or without a header; TagListError for a file that holds none."""
    rows = _rows(path)
    if rows and rows[0][0].strip().casefold() in ("tag", "antecedent_name", "antecedent"):
        rows = rows[1:]
    pairs = [
        (tag, implied)
        for row in rows
        if len(row) >= 2
        and (tag := clean_name(row[0]))
        and (implied := clean_name(row[1]))
        and tag != implied
    ]
    if not pairs:
        raise TagListError(
            f"{shown(path.name)} holds no implications. It has lines like white_shirt,shirt."
        )
    return ImplicationList(tuple(pairs), len(rows) - len(pairs))


def _rows(path: Path) -> list[list[str]]:
    return list(_split(path, _text(path)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise TagListError(
            f"{shown(path.name)} cannot be read ({error.strerror}). Look at its permissions."
        ) from error
    if len(raw) > MAX_FILE:
        raise TagListError(
            f"{shown(path.name)} is larger than {MAX_FILE // 2**20} MiB, which no list of tags is."
        )
    if b"\0" in raw[:4096]:
        raise TagListError(f"{shown(path.name)} is not a text file. Save it as CSV in UTF-8.")
    return raw.decode("utf-8-sig", "replace")


def _split(path: Path, text: str) -> Iterator[list[str]]:
    """Fields of each line that has any. Most lines hold no quotes and need no parser."""
    count = 0
    for line in text.split("\n"):
        bare = line.rstrip("\r")
        if not bare:
            continue
        count += 1
        if count > MAX_ROWS:
            raise TagListError(
                f"{shown(path.name)} has more than {MAX_ROWS:,} lines, which no list of tags has."
            )
        if '"' not in bare:
            yield bare.split(",")
            continue
        try:
            yield next(csv.reader([bare]))
        except (csv.Error, StopIteration):
            yield [""]


def _columns(row: Sequence[str]) -> dict[str, int] | None:
    """Where a header says that things are; None when this is no header."""
    names = [field.strip().casefold() for field in row]
    found = {
        kind: names.index(name)
        for kind, known in (
            ("name", _NAME),
            ("category", _CATEGORY),
            ("count", _COUNT),
            ("aliases", _ALIASES),
        )
        for name in known
        if name in names
    }
    return found if "name" in found and len(found) > 1 else None


def _table(
    path: Path, rows: Sequence[Sequence[str]], places: Mapping[str, int], *, is_tagger: bool
) -> Mapping[str, str]:
    """Category by what stands in its field: which board's numbers these are."""
    place = places.get("category")
    if place is None:
        return {}
    said = {row[place].strip() for row in rows if len(row) > place}
    numbers = {
        int(field) for field in said if field.isascii() and field.isdecimal() and len(field) < 4
    }
    table = DANBOORU
    if not is_tagger and max(numbers, default=0) > 8:
        table = MERGED
    elif not is_tagger and (numbers & _ONLY_E621 or "e621" in path.name.casefold()):
        table = E621
    return {str(number): category for number, category in table.items()} | {
        category: category for category in CATEGORIES
    }


def _reader(
    places: Mapping[str, int], table: Mapping[str, str]
) -> Callable[[Sequence[str]], Entry | None]:
    """What makes the tag of one line; None when there is none in it."""
    first, category, count, aliases = (
        places.get(column, 1000) for column in ("name", "category", "count", "aliases")
    )

    def read(row: Sequence[str]) -> Entry | None:
        width = len(row)
        name = clean_name(row[first]) if first < width else ""
        if not name:
            return None
        return Entry(
            name,
            table.get(row[category].strip().casefold(), "") if category < width else "",
            _count(row[count].strip()) if count < width else 0,
            _aliases(row[aliases]) if aliases < width and row[aliases] else (),
        )

    return read


def clean_name(field: str) -> str:
    """A tag's name that could stand in a caption, else ""."""
    name = field.strip()
    good = 0 < len(name) <= MAX_NAME and name.isprintable() and "," not in name
    return name if good else ""


def _count(digits: str) -> int:
    plain = digits.isdecimal() and digits.isascii() and len(digits) <= MAX_DIGITS
    return int(digits) if plain else 0


def _aliases(field: str) -> tuple[str, ...]:
    found = (clean_name(alias) for alias in field.split(",")[:MAX_ALIASES])
    return tuple(alias for alias in found if alias)
