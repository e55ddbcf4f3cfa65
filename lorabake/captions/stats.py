"""Which tags there are, how often, and which go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

from lorabake.captions.items import Item
from lorabake.captions.working import Keys, TagList
from lorabake.core.names import natural_key
from lorabake.core.tags import tag_key


@dataclass(frozen=True)
class TagCount:
    """tag: as it is mostly written; count: pictures that have it."""

    tag: str
    count: int
    category: str = ""


@dataclass(frozen=True)
class Together:
    """A tag beside another. together: pictures with both; share: of those with the other, 0 to 1.

    lift: how many times likelier than in all pictures; 1 means that the two do not care.
    """

    tag: str
    together: int
    share: float
    lift: float


@dataclass(frozen=True)
class CloudTag:
    """size: 0 (rarest shown) to 1 (commonest), on a logarithmic scale."""

    tag: str
    count: int
    size: float


def frequency(items: Sequence[Item], vocabulary: TagList | None = None) -> list[TagCount]:
    """Every tag, the commonest first."""
    counts: Counter[str] = Counter()
    spellings: Counter[str] = Counter()
    keys = Keys()
    for tags in _captions(items, keys):
        counts.update(tags.keys())
        spellings.update(tags.values())
    spelled: dict[str, str] = {}
    for tag, _ in spellings.most_common():
        spelled.setdefault(keys[tag], tag)
    found = [
        TagCount(spelled[key], count, vocabulary.category(key) if vocabulary else "")
        for key, count in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.count, one.tag.casefold(), one.tag))


def ids_with(items: Sequence[Item], tag: str) -> list[str]:
    """Pictures that have a tag, in any spelling."""
    wanted, keys = tag_key(tag), Keys()
    return [item.id for item in items if any(keys[one] == wanted for one in item.tags)]


def bleeds_with(items: Sequence[Item], tag: str, limit: int = 20) -> list[Together]:
    """Tags that mostly stand beside this one: what a LoRA will learn as one thing with it.

    Those first that are surest to be there and least to be expected: share × log(lift) is how much
    one tag tells of the other. What every picture has, such as the trigger, tells nothing.
    """
    wanted, keys = tag_key(tag), Keys()
    everywhere: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    with_it = 0
    for item in items:
        tags = item.tags
        present = set(keys.of(tags))
        everywhere.update(present)
        if wanted in present:
            with_it += 1
            beside.update(present)
            spelled.update(zip(keys.of(tags), tags, strict=True))
    found = [
        Together(
            spelled[key], count, count / with_it, count * len(items) / with_it / everywhere[key]
        )
        for key, count in beside.items()
        if key != wanted
    ]
    found.sort(key=lambda one: (-one.share * log(one.lift), -one.together, natural_key(one.tag)))
    return found[: max(limit, 0)]


def cloud(
    items: Sequence[Item], vocabulary: TagList | None = None, *, limit: int = 60
) -> dict[str, list[CloudTag]]:
    """The commonest tags by category, at most `limit` of each, in alphabetical order."""
    found: dict[str, list[TagCount]] = {}
    for one in frequency(items, vocabulary):
        shown = found.setdefault(one.category, [])
        if len(shown) < limit:
            shown.append(one)
    counts = [one.count for shown in found.values() for one in shown]
    low, high = (log(min(counts)), log(max(counts))) if counts else (0.0, 0.0)
    return {
        category: sorted(
            (
                CloudTag(
                    one.tag, one.count, (log(one.count) - low) / (high - low) if high > low else 1.0
                )
                for one in shown
            ),
            key=lambda one: natural_key(one.tag),
        )
        for category, shown in found.items()
    }


def _captions(items: Sequence[Item], keys: Keys) -> Iterator[dict[str, str]]:
    """key → tag as it is written, of each caption."""
    for item in items:
        tags = item.tags
        yield dict(zip(keys.of(tags), tags, strict=True))
