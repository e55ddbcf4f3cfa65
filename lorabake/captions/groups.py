"""Tags that exclude each other, such as two hair colours, and pictures that have several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from lorabake.captions.items import Item
from lorabake.captions.settings import FieldError, ProcessSettings
from lorabake.captions.working import Apply, Context, Keys, Operation, Reason, Result, Subject, Tags
from lorabake.core.names import shown
from lorabake.core.registry import unknown_name
from lorabake.core.tags import tag_key
from lorabake.core.toml import read_toml

FILE: Final = Path(__file__).with_name("groups.toml")
ALL: Final = "all"


@dataclass(frozen=True)
class Group:
    """name: "hair color"; title: for people.

    values: each a row of tags that may stand together, in caption form; tags of two rows exclude
    each other. unless: keys of tags that allow several, such as multicolored_hair.
    """

    name: str
    title: str
    values: tuple[tuple[str, ...], ...]
    unless: frozenset[str]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag for value in self.values for tag in value)


@dataclass(frozen=True)
class Conflict:
    """A picture whose caption has several `tags` of one group, as they are written there."""

    id: str
    group: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class _Known:
    """groups.toml, ready to be looked up. value_of: key → (group's name, number of the value)."""

    by_name: dict[str, Group]
    value_of: dict[str, tuple[str, int]]
    several: frozenset[str]
    one_person: frozenset[str]

    def crowd(self, keys: frozenset[str]) -> bool:
        """Several people: what one has, another may not."""
        return not self.several.isdisjoint(keys) or len(self.one_person & keys) > 1

    def clashes(
        self, tags: Sequence[str], keys: Keys, names: Container[str] | None = None
    ) -> Iterator[tuple[Group, dict[int, list[str]]]]:
        """Groups of which a caption has several values: value → its tags, in the caption's order.

        names: only of these groups.
        """
        found: dict[str, dict[int, list[str]]] = {}
        for tag, key in zip(tags, keys.of(tags), strict=True):
            if key in self.value_of:
                name, value = self.value_of[key]
                found.setdefault(name, {}).setdefault(value, []).append(tag)
        several = [name for name, values in found.items() if len(values) > 1]
        if not several:
            return
        present = frozenset(keys.of(tags))
        if self.crowd(present):
            return
        for name in several:
            group = self.by_name[name]
            if (names is None or name in names) and group.unless.isdisjoint(present):
                yield group, found[name]


def groups() -> tuple[Group, ...]:
    """The groups that are known, from groups.toml."""
    return tuple(_known().by_name.values())


def find_conflicts(items: Sequence[Item], names: Sequence[str] = ()) -> list[Conflict]:
    """Pictures with several values of one group; names: only of these groups."""
    known, keys = _known(), Keys()
    wanted = {_group(name).name for name in names} or None
    return [
        Conflict(item.id, group.name, tuple(tag for tags in values.values() for tag in tags))
        for item in items
        for group, values in known.clashes(item.tags, keys, wanted)
    ]


@cache
def _known() -> _Known:
    contents = read_toml(FILE)
    found = tuple(
        Group(
            name,
            str(about["title"]),
            tuple(tuple(map(str, value)) for value in about["values"]),
            frozenset(map(tag_key, about.get("unless", ()))),
        )
        for name, about in contents["group"].items()
    )
    value_of = {
        tag_key(tag): (group.name, number)
        for group in found
        for number, value in enumerate(group.values)
        for tag in value
    }
    several, one = (frozenset(map(tag_key, contents[key])) for key in ("several", "one_person"))
    return _Known({group.name: group for group in found}, value_of, several, one)


def _group(name: str) -> Group:
    """By its name, in either spelling of colour, or by its title."""
    wanted = tag_key(name).replace("colour", "color")
    for group in groups():
        if wanted in (tag_key(group.name), tag_key(group.title).replace("colour", "color")):
            return group
    names = (*(group.name for group in groups()), ALL)
    raise FieldError("consolidate", unknown_name("kind of tags", shown(name), names))


def parse_consolidate(text: str) -> dict[str, int | None]:
    """What is typed into "One value for each": group → the value asked for, or None.

    Lines or commas between; "all" stands for every group.
    """
    found: dict[str, int | None] = {}
    for entry in (part.strip() for line in text.splitlines() for part in line.split(",")):
        name, equals, wanted = (part.strip() for part in entry.partition("="))
        if not entry:
            continue
        if name.casefold() == ALL and not equals:
            for group in groups():
                found.setdefault(group.name, None)
            continue
        group = _group(name)
        found[group.name] = _value(group, wanted) if equals else found.get(group.name)
    return found


def _value(group: Group, tag: str) -> int:
    owner, value = _known().value_of.get(tag_key(tag), ("", 0))
    if owner != group.name:
        raise FieldError(
            "consolidate", unknown_name(f"value of {group.name}", shown(tag), group.tags)
        )
    return value


def _consolidate(context: Context) -> Apply:
    known, keys = _known(), context.keys
    wanted = parse_consolidate(context.settings.consolidate)

    def run(tags: Tags, subject: Subject) -> Result:
        reasons = []
        for group, values in known.clashes(tags, keys, wanted):
            keep, why = _choice(context, subject, group, values, wanted[group.name])
            reasons += [
                Reason(tag, "consolidate", why)
                for value, chosen in values.items()
                for tag in chosen
                if value != keep and keys[tag] not in subject.kept
            ]
        if not reasons:
            return None
        gone = {reason.tag for reason in reasons}
        return tuple(tag for tag in tags if tag not in gone), reasons

    return run


def _choice(
    context: Context,
    subject: Subject,
    group: Group,
    values: dict[int, list[str]],
    asked: int | None,
) -> tuple[int, str]:
    """The value that stays, and why. Ties go to the one that comes first in the caption."""
    title = group.title[:1].lower() + group.title[1:]
    if asked in values:
        return asked, f"{values[asked][0]} is the {title} you asked for"
    protected = [
        v for v, tags in values.items() if any(context.keys[t] in subject.kept for t in tags)
    ]
    if protected:
        return protected[0], f"{values[protected[0]][0]} is never dropped"
    how = context.settings.consolidate_by
    scores = context.scores.get(subject.id, {}) if how == "probable" else {}
    if scores:
        keep = max(values, key=lambda v: max(scores.get(context.keys[t], 0.0) for t in values[v]))
        return keep, f"the tagger finds {values[keep][0]} the most probable {title}"
    if how == "first":
        keep = next(iter(values))
        return keep, f"{values[keep][0]} comes first"
    counts: Counter[str] = context.by_concept.get(subject.concept, Counter())
    keep = max(values, key=lambda v: max(counts[context.keys[t]] for t in values[v]))
    return keep, f"{values[keep][0]} is the commonest {title} in its folder"


def _wanted(settings: ProcessSettings) -> bool:
    return bool(settings.consolidate.strip())


CONSOLIDATE = Operation("consolidate", "One value for each", _wanted, _consolidate)
