"""How a tagger's tags join those that a caption has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lorabake.core.tags import caption_form, tag_key
from lorabake.tag.select import Picked
from lorabake.tag.settings import TagSettings


class Aliases(Protocol):
    """What this needs of a tag list (core.vocabulary)."""

    def canonical(self, tag: str) -> str: ...


Keyed = tuple[str, str]  # (what two spellings and two names of a tag have in common, the tag)


class Merger:
    """Joins tags of many pictures; what the tag list says is asked once a tag."""

    def __init__(self, settings: TagSettings, vocabulary: Aliases | None = None) -> None:
        self.settings = settings
        self._vocabulary = vocabulary if settings.aliases else None
        self._had: dict[str, Keyed] = {}
        self._come: dict[str, Keyed] = {}

    def __call__(
        self,
        existing: Sequence[str],
        picked: Sequence[Picked],
        mode: str,
        *,
        trigger: str = "",
        origins: Sequence[str] = (),
    ) -> list[str]:
        """The new tags of a caption; see `merge`."""
        have = [self._had.get(tag) or self._keyed(tag) for tag in existing]
        said = [self._come.get(one.name) or self._written(one) for one in picked]
        come = [] if mode == "intersection" else said
        first: list[Keyed] = []
        if self.settings.rating == "first":
            known = {key for key, _ in have}
            rated = {one.name for one in picked if one.category == "rating"}
            first = [pair for pair in come if pair[1] in rated and pair[0] not in known]
        kept: dict[str, str] = {}
        for pairs in (
            self._front(have, come, trigger),
            first,
            self._stay(have, said, mode, origins),
            come,
        ):
            for key, tag in pairs:
                kept.setdefault(key, tag)
        return list(kept.values())

    def _stay(
        self, have: list[Keyed], said: list[Keyed], mode: str, origins: Sequence[str]
    ) -> list[Keyed]:
        """What there is and is to stay."""
        if mode == "append":
            return have
        says = {key for key, _ in said}
        if mode == "intersection":
            return [pair for pair in have if pair[0] in says]
        if mode == "union" and "tagger" in origins:
            whose = [*origins, *["you"] * len(have)][: len(have)]
            return [
                pair
                for pair, origin in zip(have, whose, strict=True)
                if origin != "tagger" or pair[0] in says
            ]
        return have if mode == "union" else []

    def _front(self, have: list[Keyed], come: list[Keyed], trigger: str) -> list[Keyed]:
        """The trigger, if it is there, and the first tags that are to stay."""
        keep = have[: self.settings.keep_first]
        if not (trigger and self.settings.keep_trigger):
            return keep
        words = {self._keyed(word.strip())[0] for word in trigger.split(",") if word.strip()}
        return [*(pair for pair in (*have, *come) if pair[0] in words), *keep]

    def _written(self, one: Picked) -> Keyed:
        """In the caption's spelling; an alias as its main tag."""
        name = one.name
        if self._vocabulary is not None and one.category != "rating":
            name = caption_form(
                self._vocabulary.canonical(name),
                underscores=self.settings.underscores,
                escape=self.settings.escape_brackets,
            )
        pair = self._come[one.name] = (self._keyed(name)[0], name)
        return pair

    def _keyed(self, tag: str) -> Keyed:
        main = self._vocabulary.canonical(tag) if self._vocabulary else tag
        pair = self._had[tag] = (tag_key(main), tag)
        return pair


def merge(
    existing: Sequence[str],
    picked: Sequence[Picked],
    mode: str,
    *,
    settings: TagSettings,
    trigger: str = "",
    origins: Sequence[str] = (),
    vocabulary: Aliases | None = None,
) -> list[str]:
    """The new tags of a caption; each tag once, in the spelling it already has.

    mode: "append" – all stay, new ones go behind; "union" – the same, but what an earlier tagger
    wrote and this one does not say goes; "intersection" – only those stay that the tagger says
    too, and nothing comes; "replace" – only what the tagger says. In every mode the trigger and
    the first `keep_first` tags stay in front. origins: of each existing tag (core.origins).
    """
    merger = Merger(settings, vocabulary)
    return merger(existing, picked, mode, trigger=trigger, origins=origins)
