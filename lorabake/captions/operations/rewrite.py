"""Find and replace: by a regular expression, or one tag by another."""

from __future__ import annotations

from lorabake.captions.expressions import Expression
from lorabake.captions.settings import ProcessSettings
from lorabake.captions.typed import parse_replacements, split_tags
from lorabake.captions.working import Apply, Context, Memo, Operation, Reason, Result, Subject, Tags


def _find(context: Context) -> Apply:
    settings = context.settings
    expression = Expression(settings.regex_find, settings.regex_replace)
    if settings.regex_scope == "captions":
        return _in_lines(expression)
    told = Memo(lambda tag: _rewritten(tag, expression))

    def run(tags: Tags, _subject: Subject) -> Result:
        reasons = [found[1] for tag in tags if (found := told[tag])]
        if not reasons:
            return None
        result: list[str] = []
        for tag in tags:
            found = told[tag]
            result += found[0] if found else (tag,)
        return tuple(result), reasons

    return run


def _rewritten(tag: str, expression: Expression) -> tuple[Tags, Reason] | None:
    new = split_tags(expression.sub(tag))
    if new == (tag,):
        return None
    return new, Reason(tag, "find", f"becomes {', '.join(new)}" if new else "becomes empty")


def _in_lines(expression: Expression) -> Apply:
    def run(tags: Tags, _subject: Subject) -> Result:
        line = ", ".join(tags)
        new = split_tags(expression.sub(line))
        if new == tags:
            return None
        return new, [Reason("", "find", "the expression was found in this caption")]

    return run


def _replace(context: Context) -> Apply:
    pairs = parse_replacements(context.settings.replace)
    keys = context.keys

    def run(tags: Tags, _subject: Subject) -> Result:
        if pairs.keys().isdisjoint(keys.of(tags)):
            return None
        seen = {key for tag in tags if (key := keys[tag]) not in pairs}
        result: list[str] = []
        reasons = []
        for tag in tags:
            news = pairs.get(keys[tag])
            if news is None:
                result.append(tag)
                continue
            fresh = [new for new in news if keys[new] not in seen]
            seen.update(keys[new] for new in fresh)
            result += fresh
            if news != (tag,):
                reasons.append(Reason(tag, "replace", f"replaced by {', '.join(news)}"))
        changed = tuple(result)
        return (changed, reasons) if changed != tags else None

    return run


def _wants_find(settings: ProcessSettings) -> bool:
    return bool(settings.regex_find)


def _wants_replace(settings: ProcessSettings) -> bool:
    return bool(settings.replace.strip())


FIND = Operation("find", "Find by expression", _wants_find, _find)
REPLACE = Operation("replace", "Replace", _wants_replace, _replace)
