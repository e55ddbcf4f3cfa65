"""The tags of a project: how often each stands, what they bleed with, which exclude each other."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lorabake.captions.groups import Conflict, find_conflicts, groups
from lorabake.captions.stats import bleeds_with, frequency
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import Vocabulary, open_vocabulary
from lorabake.ui.answers import answered, text
from lorabake.ui.place import of_place, place
from lorabake.ui.processing_look import all_items
from lorabake.ui.words import plural

MAX_TAGS = 50_000
MAX_TOGETHER = 20
MAX_FILTER = 1900  # characters of an expression that names the pictures of one group


@answered("look")
def lb_tags(data: dict[str, Any]) -> dict[str, Any]:
    """Every tag as [tag, pictures, category], and how many pictures there are."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    known = _tables.get(project.name)
    if known is None or known[0] != shelf.version:
        counted = frequency(all_items(project), _vocabulary())
        triggers = {tag_key(picture.trigger) for picture in shelf.pictures} - {""}
        rows = [
            [one.tag, one.count, "trigger" if tag_key(one.tag) in triggers else one.category]
            for one in counted[:MAX_TAGS]
        ]
        known = _tables[project.name] = (shelf.version, rows)
    return {"tags": known[1], "pictures": len(shelf.by_id), "version": known[0]}


@answered("look")
def lb_bleeds(data: dict[str, Any]) -> dict[str, Any]:
    """What a tag mostly stands together with."""
    project = place().project(data.get("project"))
    vocabulary = _vocabulary()
    found = bleeds_with(all_items(project), text(data, "tag", limit=1000), MAX_TOGETHER)
    return {
        "together": [
            {
                "tag": one.tag,
                "category": vocabulary.category(one.tag),
                "together": one.together,
                "share": one.share,
                "lift": one.lift,
            }
            for one in found
        ]
    }


@answered("look")
def lb_exclusive(data: dict[str, Any]) -> dict[str, Any]:
    """Groups of which some picture has several tags: how many pictures, and with which."""
    project = place().project(data.get("project"))
    conflicts = find_conflicts(all_items(project))
    by_group: dict[str, list[Conflict]] = {}
    for one in conflicts:
        by_group.setdefault(one.group, []).append(one)
    return {
        "groups": [
            _group(group.name, group.title, by_group[group.name])
            for group in groups()
            if group.name in by_group
        ]
    }


def state(project: str) -> str:
    """How many different tags there are, for the title; counted anew when a caption changed."""
    shelf = place().shelf(project)
    known = _distinct.get(project)
    if known is None or known[0] != shelf.version:
        keys = {key for facts in shelf.facts for key in facts.tags}
        known = _distinct[project] = (shelf.version, len(keys))
    return plural(known[1], "different tag") if known[1] else ""


_tables: dict[str, tuple[int, list[list[Any]]]] = of_place(dict)
_distinct: dict[str, tuple[int, int]] = of_place(dict)


def _group(name: str, title: str, conflicts: list[Conflict]) -> dict[str, Any]:
    shown: list[str] = []
    for conflict in conflicts:
        term = f"path:{quoted(conflict.id)}"
        if sum(map(len, shown)) + 4 * len(shown) + len(term) > MAX_FILTER:
            break
        shown.append(term)
    counted = Counter(tag for conflict in conflicts for tag in conflict.tags)
    return {
        "name": name,
        "title": title,
        "pictures": len(conflicts),
        "tags": counted.most_common(12),
        "shown": len(shown),
        "filter": " OR ".join(shown),
    }


def quoted(text: str) -> str:
    """A text as the filter language takes it word by word."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _vocabulary() -> Vocabulary:
    return open_vocabulary(place().workspace)
