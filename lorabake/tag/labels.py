"""A tagger's list: which tag each of its outputs stands for."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import ModelFileError
from lorabake.core.names import shown
from lorabake.core.tags import tag_key

MAX_LIST = 16 * 2**20  # bytes; the longest known has 0.3 MiB
MAX_LABELS = 200_000
MAX_NAME = 200  # characters
# Danbooru's numbers of categories, and 9 for what the taggers add.
CATEGORIES = {
    "0": "general",
    "1": "artist",
    "3": "copyright",
    "4": "character",
    "5": "meta",
    "9": "rating",
}


@dataclass(frozen=True)
class Label:
    """A line of a tagger's list. name: as the list writes it, `long_hair`; category: of core.tags.

    A name that cannot stand in a caption is "": it keeps its place, and is never said.
    """

    name: str
    category: str

    @property
    def key(self) -> str:
        return tag_key(self.name)


def read_labels(path: Path) -> tuple[Label, ...]:
    """The lines of a `selected_tags.csv`; ModelFileError when it is something else."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST + 1)
    except OSError as error:
        raise ModelFileError(f"{shown(path.name)} cannot be read ({error.strerror}).") from None
    try:
        if len(data) > MAX_LIST:
            raise ValueError("too large")
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        labels = tuple(
            Label(_usable(row["name"]), CATEGORIES.get((row["category"] or "").strip(), ""))
            for row in rows
        )
    except (ValueError, KeyError, TypeError, csv.Error):
        labels = ()
    if not 0 < len(labels) <= MAX_LABELS:
        raise ModelFileError(
            f"{shown(path.name)} is not a tagger's list of tags (tag_id,name,category,count). "
            "Take it from where the model is from."
        )
    return labels


def _usable(name: str | None) -> str:
    if name is None:
        raise ValueError("a line is cut off")
    plain = name.strip()
    usable = len(plain) <= MAX_NAME and plain.isprintable() and "," not in plain
    return plain if usable else ""
