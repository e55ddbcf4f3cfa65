"""Sorting tags behind those that stay in front."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from lorabake.captions.settings import ProcessSettings
from lorabake.captions.working import Apply, Context, Memo, Operation, Reason, Result, Subject, Tags
from lorabake.core.names import natural_key
from lorabake.core.randomness import shuffled

# As prompts for booru models are usually written: who, from what, by whom, and then what is seen.
CATEGORY_ORDER: Final = (
    "people",
    "character",
    "copyright",
    "artist",
    "general",
    "",
    "meta",
    "rating",
)
_PEOPLE = re.compile(
    r"(?:\d\+?|multiple_)(?:girl|boy|other)s?|solo|solo_focus|no_humans|everyone", re.ASCII
)
_WHY: Final = {
    "alphabetical": "sorted by the alphabet",
    "frequency": "sorted by how many images have them",
    "category": "sorted by category",
    "shuffle": "shuffled",
    "reverse": "turned round",
}


def _sort(context: Context) -> Apply:
    settings, keys = context.settings, context.keys
    arrange = _arrangement(context)
    reason = Reason("", "sort", _WHY[settings.sort])

    def run(tags: Tags, subject: Subject) -> Result:
        start = 0
        while start < len(tags) and keys[tags[start]] in subject.front:
            start += 1
        start = max(start, settings.keep_first)
        result = (*tags[:start], *arrange(tags[start:], subject.id))
        return (result, [reason]) if result != tags else None

    return run


def _arrangement(context: Context) -> Callable[[Tags, str], Sequence[str]]:
    how = context.settings.sort
    if how == "reverse":
        return lambda tags, _id: tags[::-1]
    if how == "shuffle":
        seed = context.settings.shuffle_seed
        return lambda tags, name: shuffled(list(tags), seed, "captions", name)
    rank = Memo(
        {"alphabetical": _letters, "frequency": _count, "category": _category}[how](context)
    )
    return lambda tags, _id: sorted(tags, key=rank.__getitem__)


def _letters(context: Context) -> Callable[[str], Any]:
    return lambda tag: natural_key(context.keys[tag])


def _count(context: Context) -> Callable[[str], Any]:
    return lambda tag: -context.counts[context.keys[tag]]


def _category(context: Context) -> Callable[[str], Any]:
    def rank(tag: str) -> int:
        if _PEOPLE.fullmatch(context.keys[tag]):
            return 0
        category = context.vocabulary.category(tag) if context.vocabulary else ""
        return CATEGORY_ORDER.index(category if category in CATEGORY_ORDER else "")

    return rank


def _wants_sort(settings: ProcessSettings) -> bool:
    return settings.sort != "none"


SORT = Operation("sort", "Order of tags", _wants_sort, _sort)
