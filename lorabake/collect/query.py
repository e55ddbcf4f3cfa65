"""What somebody searches for, and which part of it goes to the board or is done here.

The words are those of the boards themselves: tags with underscores, `-tag`, `tag*`, `rating:`,
`score:>10`, `order:`. Danbooru takes two tags in a search; the others are then looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from lorabake.collect.errors import CollectError
from lorabake.collect.post import RATINGS, Post
from lorabake.collect.refuse import refuse_search
from lorabake.collect.sites.site import Site

MAX_TERMS = 60
MAX_TEXT = 2_000
_META = re.compile(r"([a-z]{2,12}):(.+)", re.S)
_NUMBER = re.compile(r"(>=|<=|>|<|=)?([0-9]{1,12})(?:\.\.([0-9]{1,12}))?")
# Metatags that a post itself answers; others only the board can.
_NUMBERS: Mapping[str, Callable[[Post], int | None]] = {
    "id": lambda post: post.id,
    "width": lambda post: post.width,
    "height": lambda post: post.height,
    "score": lambda post: post.score,
}
_ORDERS = frozenset({"order", "sort"})
_NO_RATING = "No rating is left to search for. Leave one of the rating words out."
_THEIRS = frozenset(
    [
        "status",
        "date",
        "age",
        "filesize",
        "filetype",
        "parent",
        "child",
        "mpixels",
        "ratio",
        "favcount",
        "tagcount",
        "is",
        "has",
        "user",
        "approver",
        "source",
        "pool",
        "fav",
        "set",
        "limit",
        "pixiv",
        "md5",
        "random",
    ]
)


class BadQuery(CollectError):
    """The search cannot be understood, or is not done."""


@dataclass(frozen=True)
class Term:
    """One word. name: of a metatag, "" for a tag; value: the tag or what follows the colon."""

    value: str
    name: str = ""
    negative: bool = False

    @property
    def text(self) -> str:
        return f"{'-' if self.negative else ''}{f'{self.name}:' if self.name else ''}{self.value}"


@dataclass(frozen=True)
class Query:
    """terms: without those about ratings. ratings: which are wanted; never: which the words rule out."""

    terms: tuple[Term, ...] = ()
    ratings: frozenset[str] = frozenset(RATINGS[:2])
    order: str = ""
    never: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return " ".join(term.text for term in self.terms)


@dataclass(frozen=True)
class Split:
    """sent: the words for the board. here: what is looked for in its answers; notes: sentences."""

    sent: str
    here: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parse_query(text: str, *, explicit: bool = True) -> Query:
    """The guide's example works as it is: `solo -rating:explicit kafka_(honkai:_star_rail) shirt`.

    Without words about ratings, general and sensitive are meant. explicit: False, as on a Space,
    leaves explicit and questionable out whatever is asked. BadQuery when it is not done.
    """
    words = text[:MAX_TEXT].replace(",", " ").split()
    if len(words) > MAX_TERMS:
        raise BadQuery(f"These are {len(words)} words; search for at most {MAX_TERMS}.")
    terms: list[Term] = []
    wanted: set[str] = set()
    unwanted: set[str] = set()
    order = ""
    for word in words:
        term = _term(word)
        if term.name == "rating":
            (unwanted if term.negative else wanted).update(_ratings(term.value))
        elif term.name in _ORDERS:
            order = term.value
        elif term.value.strip("*"):
            terms.append(term)
    refuse_search(term.value for term in terms if not term.name and not term.negative)
    ratings = (wanted or set(RATINGS[:2])) - unwanted
    if not explicit:
        ratings &= set(RATINGS[:2])
    if not ratings:
        raise BadQuery(_NO_RATING)
    return Query(tuple(dict.fromkeys(terms)), frozenset(ratings), order, frozenset(unwanted))


def split(query: Query, site: Site, *, rarity: Callable[[str], int] = lambda tag: 0) -> Split:
    """What this board is sent. rarity: posts of a tag, 0 unknown; the rarest tags are sent first."""
    notes: list[str] = []
    ratings = _rating_words(query.ratings, site)
    order = f"order:{query.order}" if query.order else ""
    if order and site.engine.name.startswith("gelbooru"):
        order = f"sort:{query.order}"
    if site.max_tags is None:
        sent = [term.text for term in query.terms] + ratings + ([order] if order else [])
        return Split(" ".join(sent))
    free = [term for term in query.terms if term.name in site.free]
    counted = [term for term in query.terms if term.name not in site.free]
    room = site.max_tags - (0 if "rating" in site.free else len(ratings)) - bool(order)
    if order and room <= 0 < len(counted):
        room, order = room + 1, ""
        notes.append(f"{site.label} has no room for the order, so it is by date.")
    chosen = sorted(counted, key=lambda term: _worth(term, rarity))[: max(room, 0)]
    left = [term for term in counted if term not in chosen]
    lost = [term for term in left if term.name and term.name not in _NUMBERS]
    notes += [f"{site.label} has no room for {term.text}, so it is left out." for term in lost]
    here = tuple(term.text for term in left if term not in lost)
    if here:
        notes.append(
            f"{site.label} takes {site.max_tags} tags in a search; the rest is looked for here, so "
            "a page may take longer."
        )
    sent = [term.text for term in query.terms if term in chosen or term in free]
    return Split(" ".join([*sent, *ratings, *([order] if order else [])]), here, tuple(notes))


def matches(post: Post, query: Query) -> bool:
    """Does the post fit, as far as it can say so itself?"""
    if post.rating not in query.ratings:
        return False
    tags = {tag.lower() for tag in post.all_tags}
    return all(_fits(post, tags, term) for term in query.terms)


def _fits(post: Post, tags: set[str], term: Term) -> bool:
    if term.name in _NUMBERS:
        return _in_range(_NUMBERS[term.name](post), term.value) is not term.negative
    if term.name or term.value.startswith("~"):
        return True  # the board's to say
    wanted = term.value.lower()
    if "*" not in wanted:
        return (wanted in tags) is not term.negative
    pattern = re.sub(r"([\[?])", r"[\1]", re.sub(r"\*+", "*", wanted))
    return any(fnmatchcase(tag, pattern) for tag in tags) is not term.negative


def _in_range(value: int | None, text: str) -> bool:
    found = _NUMBER.fullmatch(text)
    if found is None or value is None:
        return True
    low = int(found[2])
    if found[3]:
        return low <= value <= int(found[3])
    sign = found[1] or "="
    return {">": value > low, ">=": value >= low, "<": value < low, "<=": value <= low}.get(
        sign, value == low
    )


def _term(word: str) -> Term:
    negative = word.startswith("-") and len(word) > 1
    bare = word[1:] if negative else word
    found = _META.fullmatch(bare.lower())
    known = found is not None and (found[1] in {"rating", *_ORDERS, *_NUMBERS, *_THEIRS})
    if found is None or not known:  # many tags have a colon: honkai:_star_rail
        return Term(bare, negative=negative)
    return Term(bare.partition(":")[2], found[1], negative)


def _ratings(text: str) -> set[str]:
    found = set()
    for part in text.lower().split(","):
        if part in ("safe",):
            found |= set(RATINGS[:2])
        found |= {rating for rating in RATINGS if part in (rating, rating[0])}
    if not found:
        raise BadQuery(f"There is no rating {text[:30]!r}. There are: {', '.join(RATINGS)}.")
    return found


def _rating_words(wanted: frozenset[str], site: Site) -> list[str]:
    """Without the unwanted ones, as far as the board knows words for them."""
    words = dict.fromkeys(word for word in site.ratings.values() if word)
    kept = {site.ratings[rating] for rating in wanted}
    if "sensitive" in wanted and not site.ratings["sensitive"]:
        kept.add(site.ratings["general"])  # boards with three ratings count it as safe
    return [f"-rating:{word}" for word in words if word not in kept]


def _worth(term: Term, rarity: Callable[[str], int]) -> tuple[bool, bool, int, int]:
    """The rarest positive tag brings the fewest posts that do not fit."""
    posts = 0 if term.name else rarity(term.value)
    named = "(" in term.value  # a character of a series
    return term.negative, not (posts or named), posts, -len(term.value)


@dataclass(frozen=True)
class PostFilters:
    """The sliders. min_side in px of the shorter side; aspect is width / height."""

    min_side: int = 0
    min_aspect: float = 0.0
    max_aspect: float = 0.0
    min_score: int | None = None
    ratings: tuple[str, ...] = ()
    file_types: tuple[str, ...] = field(default=())

    def fit(self, post: Post) -> bool:
        """A length or score that the site does not tell counts as fitting."""
        known = post.width and post.height
        aspect = post.width / post.height if known else 0.0
        return (
            not (known and min(post.width, post.height) < self.min_side)
            and not (known and aspect < self.min_aspect)
            and not (known and self.max_aspect and aspect > self.max_aspect)
            and not (
                self.min_score is not None
                and post.score is not None
                and post.score < self.min_score
            )
            and (not self.ratings or post.rating in self.ratings)
            and (not self.file_types or _kind(post.extension) in map(_kind, self.file_types))
        )


def with_ratings(query: Query, ratings: tuple[str, ...]) -> Query:
    """The query for these ratings; what its own words rule out (`-rating:explicit`) stays out."""
    if not ratings:
        return query
    left = frozenset(ratings) - query.never
    if not left:
        raise BadQuery(_NO_RATING)
    return replace(query, ratings=left)


def _kind(extension: str) -> str:
    return {"jpeg": "jpg"}.get(extension.lower(), extension.lower())
