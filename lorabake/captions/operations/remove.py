"""Operations that drop tags: named ones, whole categories, duplicates, rare ones."""

from __future__ import annotations

from collections.abc import Callable

from lorabake.captions.settings import FieldError, ProcessSettings
from lorabake.captions.typed import Matcher, split_tags
from lorabake.captions.working import Apply, Context, Memo, Operation, Reason, Result, Subject, Tags
from lorabake.core.registry import unknown_name
from lorabake.core.tags import CATEGORIES


def _dropping(context: Context, why: Callable[[str], Reason | None]) -> Apply:
    """Drops every tag for which `why` has a reason, except those to be kept.

    `why` is asked once for each spelling.
    """
    keys = context.keys
    told = Memo(why)

    def run(tags: Tags, subject: Subject) -> Result:
        kept = subject.kept
        reasons = [found for tag in tags if (found := told[tag]) and keys[tag] not in kept]
        return _without(tags, reasons) if reasons else None

    return run


def _without(tags: Tags, reasons: list[Reason]) -> Result:
    gone = {reason.tag for reason in reasons}
    return tuple(tag for tag in tags if tag not in gone), reasons


def _remove(context: Context) -> Apply:
    """Who names a tag means it: also one that is otherwise kept. A wildcard does not name any."""
    typed = Matcher(context.settings.tags_to_remove, "tags_to_remove")
    keys = context.keys

    def why(tag: str) -> Reason | None:
        return Reason(tag, "remove", "you asked to remove it") if typed.matches(keys[tag]) else None

    told = Memo(why)

    def run(tags: Tags, subject: Subject) -> Result:
        kept = subject.kept - typed.named.keys()
        reasons = [found for tag in tags if (found := told[tag]) and keys[tag] not in kept]
        return _without(tags, reasons) if reasons else None

    return run


def _categories(context: Context) -> Apply:
    wanted = {name.strip().lower() for name in split_tags(context.settings.categories_to_remove)}
    for name in sorted(wanted - set(CATEGORIES)):
        raise FieldError("categories_to_remove", unknown_name("kind of tag", name, CATEGORIES))
    vocabulary = context.vocabulary

    def why(tag: str) -> Reason | None:
        category = vocabulary.category(tag) if vocabulary else ""
        return Reason(tag, "categories", f"a {category} tag") if category in wanted else None

    return _dropping(context, why)


def _duplicates(context: Context) -> Apply:
    keys = context.keys

    def run(tags: Tags, _subject: Subject) -> Result:
        if len(set(keys.of(tags))) == len(tags):
            return None
        first: dict[str, str] = {}
        reasons = []
        for tag in tags:
            kept = first.get(keys[tag])
            if kept is None:
                first[keys[tag]] = tag
                continue
            why = "stands there already" if kept == tag else f"the same as {kept}"
            reasons.append(Reason(tag, "duplicates", why))
        return tuple(first.values()), reasons

    return run


def _rare(context: Context) -> Apply:
    least = context.settings.rare_below
    counts, keys = context.counts, context.keys

    def why(tag: str) -> Reason | None:
        count = counts[keys[tag]]
        if count >= least:
            return None
        return Reason(tag, "rare", f"on {count} image{'' if count == 1 else 's'} only")

    return _dropping(context, why)


def _wants_remove(settings: ProcessSettings) -> bool:
    return bool(split_tags(settings.tags_to_remove))


def _wants_categories(settings: ProcessSettings) -> bool:
    return bool(split_tags(settings.categories_to_remove))


def _wants_duplicates(settings: ProcessSettings) -> bool:
    return settings.remove_duplicates


def _wants_rare(settings: ProcessSettings) -> bool:
    return settings.rare_below > 1


REMOVE = Operation("remove", "Remove", _wants_remove, _remove)
CATEGORIES_OUT = Operation("categories", "Remove kinds of tags", _wants_categories, _categories)
DUPLICATES = Operation("duplicates", "Remove duplicates", _wants_duplicates, _duplicates)
RARE = Operation("rare", "Remove rare tags", _wants_rare, _rare)
