"""The caption beside a downloaded picture."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.collect.captions import caption_of
from lorabake.collect.post import Post
from lorabake.collect.settings import CollectSettings
from lorabake.core.errors import RecipeError

TAGS = {
    "general": ("looking_at_viewer", "solo", "1girl", "^_^", "long_hair", "multiple_views"),
    "character": ("kafka_(honkai:_star_rail)",),
    "copyright": ("honkai:_star_rail",),
    "artist": ("somebody",),
    "meta": ("highres",),
}


def post(**changes: Any) -> Post:
    usual: dict[str, Any] = {
        "site": "gelbooru",
        "id": 1,
        "md5": "ab" * 16,
        "file_url": "https://img.example/1.png",
        "preview_url": "",
        "sample_url": "",
        "width": 64,
        "height": 64,
        "file_size": None,
        "extension": "png",
        "rating": "general",
        "score": None,
        "parent_id": None,
        "tags": TAGS,
        "source": "",
        "created": "",
        "page_url": "",
        "refused": "",
    }
    return Post(**(usual | changes))


def caption(**settings: Any) -> str:
    return caption_of(post(), CollectSettings(**settings))


def test_people_then_the_kinds_in_their_order() -> None:
    assert caption() == (
        "solo, 1girl, kafka (honkai: star rail), honkai: star rail, looking at viewer, ^_^, "
        "long hair, multiple views"
    )


def test_kinds_are_the_users_choice() -> None:
    assert caption(categories="artist, Meta") == "somebody, highres"
    assert caption(categories="general", people_first=False).startswith("looking at viewer, solo")
    assert caption(categories="") == ""
    with pytest.raises(RecipeError, match="artist"):
        caption(categories="artists")


def test_rating_where_it_is_wanted() -> None:
    assert caption(categories="artist", rating="first") == "general, somebody"
    assert caption(categories="artist", rating="last") == "somebody, general"
    assert caption(categories="artist") == "somebody"


def test_spelling() -> None:
    assert caption(categories="character", underscores=True) == "kafka_(honkai:_star_rail)"
    assert caption(categories="character", escape_brackets=True) == r"kafka \(honkai: star rail\)"


def test_what_is_never_written() -> None:
    never = "Long Hair, ^_^, solo , kafka \\(honkai: star rail\\)"
    assert "long hair" not in caption(exclude=never)
    assert "^_^" not in caption(exclude=never)
    assert caption(exclude=never).startswith("1girl, honkai")


def test_a_tag_cannot_become_two() -> None:
    odd = post(tags={"general": ("a,_b", "A_B", " ", "c\nd")})
    assert caption_of(odd, CollectSettings()) == "a b, c d"
