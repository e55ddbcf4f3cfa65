"""What is known of tags, looked up by any spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from lorabake.core.tags import caption_form, tag_key
from lorabake.core.vocabulary.entries import Entry, Suggestion
from lorabake.core.vocabulary.search import Lines, search_key

MAX_SUGGESTIONS = 200
_OWN_FIRST = 0.6  # of the lines; so that the board's tags are seen besides the dataset's own
_UNKNOWN = Entry("")
# A name that is its own key; nearly all of them, and 180,000 calls less.

_PLAIN = re.compile(r"[!-'*-@\[\]-~][!-@\[\]-~]*")


class OwnTags:
    """Tags of a dataset, made ready once to be searched at every key. counts: tag → pictures."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        self.by_key: dict[str, tuple[str, int]] = {}
        for tag, count in ordered:
            self.by_key.setdefault(tag_key_of(tag), (tag, count))
        self._keys = list(self.by_key)
        self._lines = Lines(self._keys)

    def find(self, key: str, anywhere: bool) -> list[str]:
        """Keys, those in which a word begins with what was typed first, then by count."""
        found = chain(self._lines.words(key), self._lines.anywhere(key) if anywhere else ())
        return list(dict.fromkeys(self._keys[line] for line in found))


class Vocabulary:
    """Tags by their key (`core.tags.tag_key`); every method takes any spelling.

    entries: of several lists one after the other, of which the first that knows something about a
    tag is believed. implications: (tag, what it implies). source: where it is from, for people.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        implications: Iterable[tuple[str, str]] = (),
        *,
        source: str = "",
    ) -> None:
        self.source = source
        self._tags: dict[str, Entry] = {}
        self._aliases: dict[str, str] = {}
        for entry in entries:
            self._add(entry)
        self._ordered, self._lines = self._make_lines()
        self._implications = _table(implications)
        self._implied: dict[str, frozenset[str]] = {}

    @property
    def size(self) -> int:
        """Tags known, aliases not counted."""
        return len(self._tags)

    @property
    def implications(self) -> int:
        """Tags that imply others."""
        return len(self._implications)

    def has(self, tag: str) -> bool:
        """True for a main tag or an alias."""
        return self._main(tag) in self._tags

    def category(self, tag: str) -> str:
        """One of core.tags.CATEGORIES, or "" when unknown."""
        entry = self._tags.get(self._main(tag))
        return entry.category if entry else ""

    def count(self, tag: str) -> int:
        """Pictures of the board that have it; 0 when unknown."""
        entry = self._tags.get(self._main(tag))
        return entry.count if entry else 0

    def canonical(self, tag: str) -> str:
        """The main tag in caption form; what is unknown comes back as it is."""
        entry = self._tags.get(self._main(tag))
        return caption_form(entry.name) if entry else tag

    def implied(self, tag: str) -> frozenset[str]:
        """Keys of all tags that this one implies, over any number of steps; never its own."""
        key = self._main(tag)
        known = self._implied.get(key)
        if known is None:
            known = self._implied[key] = frozenset(self._follow(key)) - {key}
        return known

    def complete(
        self,
        text: str,
        *,
        own: Mapping[str, int] | OwnTags | None = None,
        limit: int = 20,
        anywhere: bool = True,
    ) -> list[Suggestion]:
        """Tags for what was typed: the dataset's own first, then the commonest.

        own: tag → pictures of the dataset that have it; `OwnTags` where the same are asked for
        often. anywhere: also inside of words, behind those in which a word begins with it.
        """
        key = search_key(text)
        limit = min(max(limit, 1), MAX_SUGGESTIONS)
        if not key.strip("_"):
            return []
        ours = own if isinstance(own, OwnTags) else OwnTags(own or {})
        mine = ours.find(key, anywhere)
        kept = mine[: max(1, int(limit * _OWN_FIRST))]
        found = dict.fromkeys(kept, "")
        for name, alias in self._board(key, anywhere):
            if len(found) >= limit:
                break
            found.setdefault(name, alias)
        for name in mine[len(kept) : limit]:
            found.setdefault(name, "")
        return [self._suggestion(name, alias, ours) for name, alias in found.items()][:limit]

    # --- inside --------------------------------------------------------------------------------

    def _add(self, entry: Entry) -> None:
        """Take a tag in; what an earlier list said of it stays, what it left open is filled."""
        key = tag_key_of(entry.name)
        if key in self._tags:
            known = self._tags[key]
            entry = Entry(
                known.name,
                known.category or entry.category,
                known.count or entry.count,
                (*known.aliases, *(one for one in entry.aliases if one not in known.aliases)),
            )
        self._tags[key] = entry
        for alias in entry.aliases:
            self._aliases.setdefault(tag_key_of(alias), key)

    def _make_lines(self) -> tuple[list[tuple[str, str]], Lines]:
        """(key, alias or "") of each line to search in, the commonest tags first."""
        by_count = sorted(self._tags.items(), key=lambda pair: -pair[1].count)
        ordered: list[tuple[str, str]] = []
        for key, entry in by_count:
            ordered.append((key, ""))
            for alias in entry.aliases:
                other = tag_key_of(alias)
                if self._aliases[other] == key and other not in self._tags:
                    ordered.append((key, other))
        return ordered, Lines(alias or key for key, alias in ordered)

    def _main(self, tag: str) -> str:
        """The key of the main tag."""
        key = tag_key_of(tag)
        return key if key in self._tags else self._aliases.get(key, key)

    def _follow(self, start: str) -> Iterator[str]:
        waiting, seen = [start], {start}
        while waiting:
            for implied in self._implications.get(waiting.pop(), ()):
                main = self._main(implied)
                if main not in seen:
                    seen.add(main)
                    waiting.append(main)
                    yield main

    def _board(self, key: str, anywhere: bool) -> Iterator[tuple[str, str]]:
        """(key, alias or "") of the list's tags, in the order in which they are offered."""
        exact = key.strip("_")
        if exact in self._tags:
            yield exact, ""
        elif exact in self._aliases:
            yield self._aliases[exact], exact
        more: list[Callable[[str], Iterator[int]]] = [self._lines.words]
        more += [self._lines.anywhere] if anywhere else []
        for line in chain.from_iterable(find(key) for find in [*more, self._lines.unordered]):
            yield self._ordered[line]

    def _suggestion(self, key: str, alias: str, ours: OwnTags) -> Suggestion:
        spelled, own = ours.by_key.get(key, ("", 0))
        entry = self._tags.get(self._main(key), _UNKNOWN)
        return Suggestion(
            spelled or caption_form(entry.name),
            entry.category,
            entry.count,
            own,
            caption_form(alias) if alias else "",
        )


def tag_key_of(name: str) -> str:
    """`core.tags.tag_key`, quickly for the names of lists."""
    return name if _PLAIN.fullmatch(name) and "__" not in name else tag_key(name)


def _table(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag, implied in pairs:
        key = tag_key_of(tag)
        found[key] = (*found.get(key, ()), tag_key_of(implied))
    return found
