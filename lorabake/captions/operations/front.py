"""Operations that put tags in front of a caption, or at its end."""

from __future__ import annotations

from lorabake.captions.settings import ProcessSettings
from lorabake.captions.typed import Matcher, split_tags
from lorabake.captions.working import Apply, Context, Memo, Operation, Reason, Result, Subject, Tags


def _emphasise(context: Context) -> Apply:
    typed = Matcher(context.settings.tags_to_emphasise, "tags_to_emphasise")
    order = {key: number for number, key in enumerate(typed.named)}
    keys = context.keys
    meant = Memo(lambda tag: typed.matches(keys[tag]))

    def run(tags: Tags, _subject: Subject) -> Result:
        chosen = [tag for tag in tags if meant[tag]]
        chosen.sort(key=lambda tag: order.get(keys[tag], len(order)))
        if tuple(chosen) == tags[: len(chosen)]:
            return None
        result = (*chosen, *(tag for tag in tags if not meant[tag]))
        return result, [Reason(tag, "emphasise", "moved to the front") for tag in chosen]

    return run


def _add(context: Context) -> Apply:
    typed = split_tags(context.settings.tags_to_add)
    by_trigger: dict[str, dict[str, str]] = {}
    keys = context.keys

    def wanted(subject: Subject) -> dict[str, str]:
        """key → tag, in order."""
        if subject.trigger not in by_trigger:
            trigger = split_tags(subject.trigger) if context.settings.add_trigger else ()
            found: dict[str, str] = {}
            for tag in (*trigger, *typed):
                found.setdefault(keys[tag], tag)
            by_trigger[subject.trigger] = found
        return by_trigger[subject.trigger]

    def run(tags: Tags, subject: Subject) -> Result:
        front = wanted(subject)
        new = tuple(front.values())
        result = (*new, *(tag for tag in tags if keys[tag] not in front))
        if result == tags:
            return None
        had = set(keys.of(tags))
        reasons = [
            Reason(tag, "add", "moved to the front" if key in had else "added in front")
            for key, tag in front.items()
        ]
        return result, reasons

    return run


def _append(context: Context) -> Apply:
    typed = {context.keys[tag]: tag for tag in split_tags(context.settings.tags_to_append)}
    keys = context.keys

    def run(tags: Tags, _subject: Subject) -> Result:
        had = set(keys.of(tags))
        new = [tag for key, tag in typed.items() if key not in had]
        if not new:
            return None
        return (*tags, *new), [Reason(tag, "append", "added at the end") for tag in new]

    return run


def _wants_emphasise(settings: ProcessSettings) -> bool:
    return bool(split_tags(settings.tags_to_emphasise))


def _wants_add(settings: ProcessSettings) -> bool:
    return settings.add_trigger or bool(split_tags(settings.tags_to_add))


def _wants_append(settings: ProcessSettings) -> bool:
    return bool(split_tags(settings.tags_to_append))


EMPHASISE = Operation("emphasise", "Emphasise", _wants_emphasise, _emphasise)
ADD = Operation("add", "Add", _wants_add, _add)
APPEND = Operation("append", "Add at the end", _wants_append, _append)
