"""Redundant tags: those that another tag of the same caption already says.

Two rules, both told with every tag that goes: Danbooru's implications (striped thighhighs implies
thighhighs), and whole words (shirt is the end of white shirt).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from lorabake.captions.settings import ProcessSettings
from lorabake.captions.working import (
    Apply,
    Context,
    Keys,
    Memo,
    Operation,
    Reason,
    Result,
    Subject,
    TagList,
    Tags,
)
from lorabake.core.tags import KAOMOJI

# What a tag ends with that begins so is not in the picture, or is something else: `no bra`,
# `spoken blush`, `looking back`, `on stomach`.
_DENIALS: Final = frozenset(
    (
        *("no", "not", "non", "without", "missing", "never", "anti", "un", "after", "covered"),
        *("implied", "imagining", "imminent", "looking", "spoken", "unworn", "thinking"),
    )
)
# `sitting on chair` says sitting; but a `swimming pool` says nothing of swimming.
_PREPOSITIONS: Final = frozenset(
    ("on", "in", "at", "with", "from", "under", "over", "against", "to", "by", "behind", "between")
)
_SIGNS = re.compile(r"[()\[\]<>|^]")
_MAX_WORDS: Final = 12  # longer ones are sentences


@dataclass(frozen=True)
class Redundant:
    """tag: what may go; because: the tag that says it; why: "white shirt implies shirt"."""

    tag: str
    because: str
    why: str


@dataclass(frozen=True)
class _Said:
    """What one tag says of others. main: its key, or that of the tag it is another name of."""

    main: str
    implied: frozenset[str]
    words: frozenset[str]

    def about(self, tag: _Said, key: str) -> str:
        """How it says `tag`, whose key is `key`: "implied", "words", "name", or "" for not at all."""
        if tag.main in self.implied:
            return "implied"
        if key in self.words:
            return "words"
        return "name" if tag.main == self.main and tag.main != key else ""


class Redundancy:
    """Finds redundant tags; what a tag says is worked out once.

    rule: "implications", "whole words" or "both".
    """

    def __init__(self, rule: str, vocabulary: TagList | None, keys: Keys | None = None) -> None:
        self._implications = vocabulary if rule in ("implications", "both") else None
        self._by_words = rule in ("whole words", "both")
        self._vocabulary = vocabulary
        self._keys = Keys() if keys is None else keys
        self._said = Memo(self._look_up)
        self._aliases: set[str] = set()  # tags that are another name of some tag
        # What is asked of every tag of every caption.
        self._others = Memo(lambda tag: self._said[tag].implied | self._said[tag].words)
        self._mains = Memo(lambda tag: self._said[tag].main)

    def find(self, tags: Sequence[str], kept: Collection[str] = ()) -> list[Redundant]:
        """Those of a caption's tags that may go; never one whose key is in `kept`."""
        heard: set[str] = set()
        for others in map(self._others.__getitem__, tags):
            if others:
                heard |= others
        aliases = self._aliases.intersection(tags)
        if not aliases and heard.isdisjoint(map(self._mains.__getitem__, tags)):
            return []
        candidates = [tag for tag in tags if tag in aliases or self._mains[tag] in heard]
        sayers = [tag for tag in tags if aliases or self._others[tag]]
        return self._explained(sayers, candidates, kept)

    def _explained(
        self, sayers: Sequence[str], candidates: Sequence[str], kept: Collection[str]
    ) -> list[Redundant]:
        """A candidate goes when a tag that has not gone itself says it: of a ring, one stays."""
        found = []
        gone: set[str] = set()
        # Tags that certainly stay are the better explanation.
        sayers = sorted(sayers, key=candidates.__contains__)
        for tag in candidates:
            key = self._keys[tag]
            if key in kept:
                continue
            for sayer in sayers:
                other = self._keys[sayer]
                if other != key and other not in gone and (why := self._why(sayer, tag)):
                    found.append(Redundant(tag, sayer, why))
                    gone.add(key)
                    break
        return found

    def _why(self, sayer: str, tag: str) -> str:
        """Half a sentence, or "" when the one does not say the other."""
        how = self._said[sayer].about(self._said[tag], self._keys[tag])
        if how == "words" and not (self._plain(sayer) and self._plain(tag)):
            return ""
        return {
            "implied": f"{sayer} implies {tag}",
            "words": f"{tag} stands in {sayer}",
            "name": f"another name of {sayer}",
        }.get(how, "")

    def _look_up(self, tag: str) -> _Said:
        key = self._keys[tag]
        words = frozenset(word_parts(key)) if self._by_words else frozenset[str]()
        if self._implications is None:
            return _Said(key, frozenset(), words)
        main = self._keys[self._implications.canonical(tag)]
        if main != key:
            self._aliases.add(tag)
        return _Said(main, self._implications.implied(tag) - {key}, words)

    def _plain(self, tag: str) -> bool:
        """Names of people and works are no words: `dark saber` says nothing of `saber`."""
        return not self._vocabulary or self._vocabulary.category(tag) in ("", "general")


def word_parts(key: str) -> list[str]:
    """Keys that a tag says by its words: its endings, and a doing in front of a preposition.

    `white_shirt` → shirt; `sitting_on_chair` → sitting, chair …; `no_bra`, `^_^`, `a_(b)` → none.
    """
    words = key.split("_")
    denied = words[0] in _DENIALS or words[0] in _PREPOSITIONS
    if denied or key in KAOMOJI or _SIGNS.search(key) or len(words) > _MAX_WORDS:
        return []
    parts = ["_".join(words[start:]) for start in range(1, len(words))]
    if len(words) > 2 and words[0].endswith("ing") and words[1] in _PREPOSITIONS:
        parts.append(words[0])
    return [part for part in parts if part]


def find_redundant(
    tags: Sequence[str],
    vocabulary: TagList | None,
    *,
    rule: str = "both",
    kept: Collection[str] = ("solo",),
) -> list[Redundant]:
    """The redundant tags of one caption. rule: as ProcessSettings.redundancy; kept: keys."""
    return Redundancy(rule, vocabulary).find(tags, kept)


def _drop(context: Context) -> Apply:
    finder = Redundancy(context.settings.redundancy, context.vocabulary, context.keys)

    def run(tags: Tags, subject: Subject) -> Result:
        found = finder.find(tags, subject.kept)
        if not found:
            return None
        gone = {one.tag for one in found}
        reasons = [Reason(one.tag, "redundancy", one.why) for one in found]
        return tuple(tag for tag in tags if tag not in gone), reasons

    return run


def _wanted(settings: ProcessSettings) -> bool:
    return settings.redundancy != "off"


REDUNDANCY = Operation("redundancy", "Redundant tags", _wanted, _drop)
