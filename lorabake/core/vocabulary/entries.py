"""One tag of a list, and one line of a completion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a list.

    name: as the board writes it (`long_hair`); category: one of core.tags.CATEGORIES, "" if
    unknown; count: pictures of the board that have it.
    """

    name: str
    category: str = ""
    count: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """One line of a completion list.

    tag: as it goes into a caption; count: pictures of the board; own: pictures of this dataset;
    alias: what matched when it was not the tag itself, else "".
    """

    tag: str
    category: str
    count: int
    own: int = 0
    alias: str = ""
