"""What is never searched for and never fetched: posts that sexualise minors. This is no setting.

Told by the boards' own tags and ratings.
"""

from __future__ import annotations

from collections.abc import Iterable

from lorabake.collect.errors import CollectError
from lorabake.collect.post import Post

REFUSED = "The board's own tags say that it sexualises minors, so it is never fetched."

ALWAYS = frozenset(
    [
        "loli",
        "lolicon",
        "lolidom",
        "shota",
        "shotacon",
        "shotadom",
        "straight_shota",
        "toddlercon",
        "babycon",
        "cub",
        "cubcon",
        "oppai_loli",
        "underage_sex",
        "child_abuse",
        "child_porn",
    ]
)
# Harmless by themselves, not with a sexual rating.
_YOUNG = frozenset(
    [
        "child",
        "children",
        "young",
        "female_child",
        "male_child",
        "underage",
        "minor",
        "toddler",
        "baby",
        "infant",
        "aged_down",
        "kid",
        "kindergarten",
        "kindergarten_uniform",
        "preschooler",
        "elementary_schooler",
        "elementary_school_student",
        "young_female",
        "young_male",
        "young_human",
    ]
)
_SEXUAL = frozenset({"questionable", "explicit"})


class NotSearched(CollectError):
    """Words that are never searched for."""


def is_refused(post: Post) -> bool:
    tags = {_key(tag) for tag in post.all_tags}
    return bool(tags & ALWAYS) or (post.rating in _SEXUAL and bool(tags & _YOUNG))


def refuse_search(words: Iterable[str]) -> None:
    """Raises NotSearched for words that ask for such posts, also with wildcards and `~`."""
    for word in words:
        if _key(word.strip("*~{}()")) in ALWAYS:
            raise NotSearched("Posts that sexualise minors are never searched for.")


def _key(tag: str) -> str:
    return tag.lower().replace(" ", "_").partition("_(")[0]
