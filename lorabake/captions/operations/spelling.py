"""How tags are written: underscores, brackets, weights."""

from __future__ import annotations

import re

from lorabake.captions.settings import ProcessSettings
from lorabake.captions.working import Apply, Context, Memo, Operation, Reason, Result, Subject, Tags
from lorabake.core.tags import (
    KAOMOJI,
    escape_brackets,
    split_weight,
    unescape_brackets,
    with_weight,
)

# Words that Pony models were trained with, underscores and all.
_WITH_UNDERSCORES = re.compile(
    r"score_\d(?:_up)?|source_(?:anime|cartoon|furry|pony)|rating_(?:safe|questionable|explicit)"
)


def _spell(context: Context) -> Apply:
    settings, keys = context.settings, context.keys
    spelled = Memo(lambda tag: respelled(tag, settings))
    told = Memo(lambda tag: Reason(tag, "spelling", f"written {spelled[tag]}"))

    def run(tags: Tags, subject: Subject) -> Result:
        fixed = subject.as_typed
        new = tuple([tag if keys[tag] in fixed else spelled[tag] for tag in tags])
        if new == tags:
            return None
        return new, [told[tag] for tag, now in zip(tags, new, strict=True) if tag != now]

    return run


def respelled(tag: str, settings: ProcessSettings) -> str:
    """One tag as the settings want it; its key stays the same."""
    bare, weight = split_weight(tag)
    name = unescape_brackets(bare).strip().casefold()
    new = bare
    if name not in KAOMOJI:
        if not _WITH_UNDERSCORES.fullmatch(name):
            new = _spaced(new, settings.underscores)
        if settings.brackets == "escape":
            new = escape_brackets(new)
        elif settings.brackets == "plain":
            new = unescape_brackets(new)
    if settings.weights == "drop":
        return new
    return tag if new == bare else with_weight(new, weight)


def _spaced(name: str, underscores: str) -> str:
    if underscores == "spaces":
        return " ".join(name.replace("_", " ").split()) or name
    if underscores == "underscores":
        return "_".join(name.split())
    return name


def _wants_spelling(settings: ProcessSettings) -> bool:
    return (settings.underscores, settings.brackets, settings.weights) != ("as is",) * 3


SPELLING = Operation("spelling", "Spelling", _wants_spelling, _spell)
