"""The caption of a post: its board's tags, in the order and spelling that were chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lorabake.collect.settings import CollectSettings
from lorabake.core.errors import RecipeError
from lorabake.core.registry import unknown_name
from lorabake.core.tags import CATEGORIES, caption_form, tag_key

if TYPE_CHECKING:
    from lorabake.collect.post import Post

CHOICES = tuple(category for category in CATEGORIES if category != "rating")
_COUNT = re.compile(
    r"[1-6]\+?(girl|boy|other)s?|multiple_(girls|boys|others)|solo(_focus)?|no_humans"
)


def caption_of(post: Post, settings: CollectSettings) -> str:
    """One line of tags with commas between; "" when nothing of what was chosen is there.

    Raises RecipeError for a kind of tag that does not exist.
    """
    never = {tag_key(tag) for tag in settings.exclude.split(",") if tag.strip()}
    names = [name for category in categories_of(settings) for name in post.tags.get(category, ())]
    if settings.people_first:
        names = sorted(names, key=lambda name: not _COUNT.fullmatch(name))
    kept: dict[str, str] = {}
    for name in _with_rating(names, post.rating, settings.rating):
        tag = caption_form(
            "_".join(name.replace(",", "").split()),
            underscores=settings.underscores,
            escape=settings.escape_brackets,
        )
        if tag and tag_key(tag) not in never:
            kept.setdefault(tag_key(tag), tag)
    return ", ".join(kept.values())


def categories_of(settings: CollectSettings) -> tuple[str, ...]:
    """The kinds of tags that were chosen, in their order; RecipeError for what is none."""
    named = [part.strip().lower() for part in settings.categories.split(",") if part.strip()]
    for name in named:
        if name not in CHOICES:
            raise RecipeError(unknown_name("kind of tags", name, CHOICES))
    return tuple(dict.fromkeys(named))


def _with_rating(names: Iterable[str], rating: str, where: str) -> list[str]:
    tags = list(names)
    if rating and where == "first":
        return [rating, *tags]
    return [*tags, rating] if rating and where == "last" else tags
