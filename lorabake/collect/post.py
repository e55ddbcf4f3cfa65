"""A post: what a booru says of one picture, the same whatever the booru."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

RATINGS: Final = ("general", "sensitive", "questionable", "explicit")
CATEGORIES: Final = ("artist", "copyright", "character", "general", "meta")
PICTURES: Final = frozenset({"png", "jpg", "jpeg", "webp", "gif", "avif", "bmp"})
VIDEOS: Final = frozenset({"mp4", "webm", "swf", "zip", "mkv", "mov"})


@dataclass(frozen=True)
class Post:
    """One post.

    md5: 32 hex digits, or "" when the site hides it. width, height: px; file_size: bytes. rating:
    one of RATINGS. tags: by category, as the site writes them (with underscores). refused: why it
    cannot be fetched, in a sentence; "" when it can.
    """

    site: str
    id: int
    md5: str
    file_url: str
    preview_url: str
    sample_url: str
    width: int
    height: int
    file_size: int | None
    extension: str
    rating: str
    score: int | None
    parent_id: int | None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""
    created: str = ""
    page_url: str = ""
    refused: str = ""

    @property
    def all_tags(self) -> tuple[str, ...]:
        return tuple(tag for names in self.tags.values() for tag in names)
