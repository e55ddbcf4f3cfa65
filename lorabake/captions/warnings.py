"""What somebody should know before captions are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from lorabake.captions.settings import ProcessSettings
from lorabake.captions.typed import Matcher, parse_replacements, split_tags
from lorabake.captions.working import Keys, Memo, Subject, TagList, Tags
from lorabake.core.names import shown

MAX_NAMED: Final = 10  # tags in one sentence


class Work(Protocol):
    """A caption after all operations. original, lines: tags of each line, before and now."""

    @property
    def subject(self) -> Subject: ...
    @property
    def original(self) -> list[Tags]: ...
    @property
    def lines(self) -> list[Tags]: ...
    @property
    def is_changed(self) -> bool: ...


def warnings_of(
    works: Sequence[Work],
    settings: ProcessSettings,
    vocabulary: TagList | None,
    keys: Keys,
    *,
    scored: bool,
) -> Iterator[str]:
    """Sentences, the most surprising ones last. scored: the tagger's probabilities are known."""
    changed = [work for work in works if work.is_changed]
    if works:
        yield from _absent(works, settings, keys)
    yield from _unknown(settings, vocabulary, scored=scored)
    yield from _lost(changed, settings, keys)
    empty = sum(any(work.original) and not any(work.lines) for work in changed)
    if empty:
        yield f"{_captions(empty)} would have no tag left. Look whether that is meant."


def _absent(works: Sequence[Work], settings: ProcessSettings, keys: Keys) -> Iterator[str]:
    """Typed tags that are in no caption: mostly a slip of the pen."""
    typed = {
        "remove": Matcher(settings.tags_to_remove, "tags_to_remove").named,
        "emphasise": Matcher(settings.tags_to_emphasise, "tags_to_emphasise").named,
    }
    if not settings.regex_find:  # what an expression makes may be replaced as well
        typed["replace"] = {key: key for key in parse_replacements(settings.replace)}
    if not any(typed.values()):
        return
    there = {key for work in works for tags in work.original for key in keys.of(tags)}
    for verb, named in typed.items():
        missing = [tag for key, tag in named.items() if key not in there]
        if missing:
            yield f"No caption has {_named(missing)}, which you want to {verb}."


def _unknown(
    settings: ProcessSettings, vocabulary: TagList | None, *, scored: bool
) -> Iterator[str]:
    """What an operation would need and does not have."""
    implications = vocabulary is not None and bool(getattr(vocabulary, "implications", True))
    if settings.redundancy in ("implications", "both") and not implications:
        yield (
            "No list of implications is loaded, so that none is used. "
            "Fetch the newest tag list, or choose whole words."
        )
    if vocabulary is None and (settings.sort == "category" or settings.categories_to_remove):
        yield "No tag list is loaded, so that the kinds of tags are not known. Fetch one first."
    if settings.consolidate.strip() and settings.consolidate_by == "probable" and not scored:
        yield (
            "The tagger has not looked at these pictures yet, so that the commonest value is kept. "
            "Run Generate tags first to keep its choice."
        )


def _lost(changed: Sequence[Work], settings: ProcessSettings, keys: Keys) -> Iterator[str]:
    """Trigger words and kept tags that go because somebody asked for it."""
    kept = frozenset(keys.of(split_tags(settings.keep_tags)))
    guarded = Memo(lambda trigger: kept | set(keys.of(split_tags(trigger))))
    lost: Counter[str] = Counter()
    for work in changed:
        wanted = guarded[work.subject.trigger]
        had = {key: tag for tags in work.original for tag in tags if (key := keys[tag]) in wanted}
        if had:
            now = {key for tags in work.lines for key in keys.of(tags)}
            lost.update(tag for key, tag in had.items() if key not in now)
    for tag, count in lost.items():
        yield f"{shown(tag)} would disappear from {_captions(count).lower()}, as you asked."


def _captions(count: int) -> str:
    return "One caption" if count == 1 else f"{count} captions"


def _named(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - MAX_NAMED} more" if len(tags) > MAX_NAMED else ""
    return ", ".join(shown(tag) for tag in tags[:MAX_NAMED]) + more
