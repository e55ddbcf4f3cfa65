"""How a tag is written: underscores or spaces, brackets, weights; and when two spellings are one tag."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

CATEGORIES: Final = ("general", "character", "copyright", "artist", "meta", "rating")

# Faces made of signs, in which an underscore is a mouth or a nose. The list that the taggers' own
# page uses (SmilingWolf, toriato, deepghs/imgutils agree on it).
KAOMOJI: Final = frozenset(
    (
        *("0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3"),
        *("6_9", ">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||"),
    )
)
_ESCAPED = re.compile(r"\\([()\[\]])")
_BARE = re.compile(r"(?<!\\)([()])")
_WEIGHTED = re.compile(r"(?<!\\)\((?P<tag>.+):(?P<weight>\d{1,2}(?:\.\d{1,4})?)(?<!\\)\)")
_SPACES = re.compile(r"[\s_]+")


@lru_cache(maxsize=200_000)  # asked for every tag of every caption, again and again
def tag_key(tag: str) -> str:
    r"""What two spellings of one tag have in common: `Kafka \(HSR\)` and `kafka_(hsr)` → `kafka_(hsr)`.

    Blind to case, to spaces or underscores, to escaped brackets and to a weight.
    """
    bare = unescape_brackets(split_weight(tag)[0]).strip().casefold()
    return bare if bare in KAOMOJI else _SPACES.sub("_", bare)


@lru_cache(maxsize=50_000)  # of a tagger's whole list whenever a threshold moves
def caption_form(name: str, *, underscores: bool = False, escape: bool = False) -> str:
    """A board's name of a tag as it stands in a caption: `long_hair` → `long hair`, `^_^` as it is.

    underscores: keep them; escape: write brackets as prompts need them, `\\(`.
    """
    bare = unescape_brackets(name).strip()
    if not underscores and bare not in KAOMOJI:
        bare = bare.replace("_", " ").strip() or bare
    return escape_brackets(bare) if escape and bare not in KAOMOJI else bare


def escape_brackets(text: str) -> str:
    r"""`a (b)` → `a \(b\)`; what is escaped already stays as it is."""
    return _BARE.sub(r"\\\1", text)


def unescape_brackets(text: str) -> str:
    r"""`a \(b\)` → `a (b)`."""
    return _ESCAPED.sub(r"\1", text)


def split_weight(tag: str) -> tuple[str, float | None]:
    """`(long hair:1.2)` → ("long hair", 1.2); a tag without a weight → (tag, None)."""
    found = _WEIGHTED.fullmatch(tag.strip())
    return (found["tag"].strip(), float(found["weight"])) if found else (tag, None)


def with_weight(tag: str, weight: float | None) -> str:
    """The inverse of `split_weight`; 1 and None leave the tag without a weight."""
    if weight is None or weight == 1:
        return tag
    return f"({tag}:{weight:g})"
