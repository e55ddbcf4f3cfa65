"""Editing the captions of several pictures at once: which tags they share, and one step over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lorabake.core.caption import parse_caption, with_tags
from lorabake.core.errors import DatasetError
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture, cached_key
from lorabake.ui.place import place
from lorabake.ui.together import change_together, known_ids
from lorabake.ui.words import plural

MAX_IDS = 100_000
MAX_TAGS = 2000  # tags an answer lists
MAX_TEXT = 500  # characters of what is typed
MAX_TOLD = 20  # files that were left out, told one by one


@answered("look")
def lb_common(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids} → {count, captioned, tags: [[tag, how many, category]]}, the commonest first."""
    project = place().project(data.get("project"))
    by_id = place().shelf(project.name).by_id
    pictures = [by_id[id] for id in known_ids(data, MAX_IDS) if id in by_id]
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for picture in pictures:
        keyed = {cached_key(tag): tag for tag in picture.tags}
        counts.update(keyed.keys())
        spelled |= keyed
    triggers = {tag_key(picture.trigger) for picture in pictures if picture.trigger}
    category = open_vocabulary(place().workspace).category
    tags = [
        [spelled[key], count, "trigger" if key in triggers else category(spelled[key])]
        for key, count in counts.most_common(MAX_TAGS)
    ]
    captioned = sum(picture.captioned for picture in pictures)
    return {"count": len(pictures), "captioned": captioned, "tags": tags}


@answered("look")
def lb_many_count(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, do, tag, other} → {count}: captions that `lb_many` would change now."""
    by_id = place().shelf(place().project(data.get("project")).name).by_id
    pictures = [by_id[id] for id in known_ids(data, MAX_IDS) if id in by_id]
    wish = _wish(data)
    return {"count": sum(wish.tags_of(p, p.tags) is not None for p in pictures)}


@answered("edit")
def lb_many(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, do, tag, other} → {version, title, changed, skipped, skipped_count}.

    do: a key of DEEDS; tag, other: a tag, or several with commas between.
    """
    project = place().project(data.get("project"))
    wish = _wish(data)

    def change(picture: Picture, caption: str) -> str:
        after = wish.tags_of(picture, parse_caption(caption).tags)
        return caption if after is None else with_tags(caption, after)

    step = change_together(
        project,
        known_ids(data, MAX_IDS),
        change,
        lambda longer, rest: f"{wish.title} {plural(longer + rest, 'caption')}",
    )
    return {
        "version": place().dataset_version(project.name),
        "title": step.title,
        "changed": len(step.changed),
        "skipped": [list(pair) for pair in step.skipped[:MAX_TOLD]],
        "skipped_count": len(step.skipped),
    }


@dataclass(frozen=True)
class _Wish:
    """What to do with several captions. do: a key of DEEDS; tags, others: each once."""

    do: str
    tags: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def title(self) -> str:
        return TITLES[self.do].format(", ".join(self.tags), ", ".join(self.others))

    def tags_of(self, picture: Picture, before: Sequence[str]) -> Sequence[str] | None:
        """The picture's tags afterwards; None where nothing changes."""
        after = DEEDS[self.do](before, self.tags, self.others, cached_key(picture.trigger))
        return None if tuple(after) == tuple(before) else after


def _wish(data: dict[str, Any]) -> _Wish:
    wish = _Wish(text(data, "do", limit=40), _tags(data, "tag"), _tags(data, "other"))
    if wish.do not in DEEDS:
        raise DatasetError("This is nothing the editor can do. Reload the page.")
    if not wish.tags or (wish.do == "replace" and not wish.others):
        raise DatasetError("Write a tag first.")
    return wish


Deed = Callable[[Sequence[str], Sequence[str], Sequence[str], str], Sequence[str]]


def _without(tags: Sequence[str], gone: Sequence[str]) -> list[str]:
    keys = set(map(cached_key, gone))
    return [tag for tag in tags if cached_key(tag) not in keys]


def _add_end(tags: Sequence[str], new: Sequence[str], _: Sequence[str], trigger: str) -> list[str]:
    """Where a tag is already, it stays; a trigger always goes in front."""
    missing = _without(new, tags)
    front = [tag for tag in missing if trigger and cached_key(tag) == trigger]
    return [*front, *tags, *_without(missing, front)]


def _add_front(
    tags: Sequence[str], new: Sequence[str], _: Sequence[str], trigger: str
) -> list[str]:
    """Behind the trigger, if it leads; tags that are there already stay where they are."""
    missing = _without(new, tags)
    leads = 1 if tags and trigger and cached_key(tags[0]) == trigger else 0
    return [*tags[:leads], *missing, *tags[leads:]]


def _remove(tags: Sequence[str], gone: Sequence[str], _: Sequence[str], __: str) -> list[str]:
    return _without(tags, gone)


def _front(tags: Sequence[str], wanted: Sequence[str], _: Sequence[str], __: str) -> list[str]:
    """In the order in which they were asked for, as each caption spells them."""
    spelled = {cached_key(tag): tag for tag in tags}
    moved = [spelled[key] for key in map(cached_key, wanted) if key in spelled]
    return [*moved, *_without(tags, wanted)]


def _replace(tags: Sequence[str], old: Sequence[str], new: Sequence[str], _: str) -> list[str]:
    """The new ones stand where the first of the old ones stood; none is there twice."""
    keys = set(map(cached_key, old))
    first = next((i for i, tag in enumerate(tags) if cached_key(tag) in keys), None)
    if first is None:
        return list(tags)
    before, after = _without(tags[:first], new), _without(_without(tags[first:], old), new)
    return [*before, *new, *after]


DEEDS: dict[str, Deed] = {
    "add_end": _add_end,
    "add_front": _add_front,
    "remove": _remove,
    "front": _front,
    "replace": _replace,
}
TITLES = {
    "add_end": 'Added "{0}" to',
    "add_front": 'Added "{0}" in front of',
    "remove": 'Removed "{0}" from',
    "front": 'Moved "{0}" to the front of',
    "replace": 'Replaced "{0}" by "{1}" in',
}


def _tags(data: dict[str, Any], name: str) -> tuple[str, ...]:
    """What was typed, tag by tag; each once."""
    typed = " ".join(text(data, name, limit=MAX_TEXT).replace("\0", "").split())
    return tuple({tag_key(tag): tag for tag in parse_caption(typed).tags}.values())
