"""A changed caption as the page shows it: what stays, goes, comes, moves, or is spelled anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from lorabake.core.caption import caption_lines, parse_caption
from lorabake.core.tags import tag_key

STAYS, GOES, COMES, MOVES, RESPELLED, NEW_LINE = "=", "-", "+", ">", "~", "n"
# (kind, the tag, what it was before when respelled, why)
Part = tuple[str, str, str, str]


def tags_of(text: str) -> tuple[str, ...]:
    """All tags of a caption file, of every line."""
    if "\n" not in text:
        return parse_caption(text).tags
    return tuple(tag for line in text.splitlines() for tag in parse_caption(line).tags)


def difference(before: str, after: str) -> tuple[set[str], set[str]]:
    """(gone, come): tags of which there are fewer, or more; one that only moved is in neither."""
    was, now = tags_of(before), tags_of(after)
    old, new = set(was), set(now)
    if len(old) == len(was) and len(new) == len(now):
        return old - new, new - old
    counts, then = Counter(was), Counter(now)
    return set(counts - then), set(then - counts)


def parts(before: str, after: str, why: dict[str, str]) -> list[Part]:
    """Two captions laid over each other, line by line. why: sentence by tag_key."""
    shown: list[Part] = []
    lines = zip_longest(caption_lines(before), caption_lines(after), fillvalue="")
    for number, (old, new) in enumerate(lines):
        if number:
            shown.append((NEW_LINE, "", "", ""))
        shown += _line(parse_caption(old).tags, parse_caption(new).tags, why)
    return shown


def _line(before: Sequence[str], after: Sequence[str], why: dict[str, str]) -> list[Part]:
    shown: list[Part] = []
    for step, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if step == "equal":
            shown += [(STAYS, tag, "", "") for tag in before[a:b]]
        else:
            shown += _replaced(before[a:b], after[c:d], why)
    return _with_moves(shown)


def _replaced(gone: Sequence[str], come: Sequence[str], why: dict[str, str]) -> list[Part]:
    """Pairs that are one tag in two spellings stand together."""
    left = list(gone)
    new: list[Part] = []
    for tag in come:
        key = tag_key(tag)
        was = next((old for old in left if old != tag and tag_key(old) == key), None)
        if was is not None:
            left.remove(was)
        new.append((RESPELLED if was else COMES, tag, was or "", why.get(key, "")))
    return [(GOES, tag, "", why.get(tag_key(tag), "")) for tag in left] + new


def _with_moves(shown: list[Part]) -> list[Part]:
    """What goes in one place and comes in another has moved; it is shown where it is now."""
    moved = Counter(tag for kind, tag, *_ in shown if kind == GOES)
    moved &= Counter(tag for kind, tag, *_ in shown if kind == COMES)
    leaving, arriving = moved.copy(), moved.copy()
    kept: list[Part] = []
    for kind, tag, was, why in shown:
        if kind == GOES and leaving[tag]:
            leaving[tag] -= 1
        elif kind == COMES and arriving[tag]:
            arriving[tag] -= 1
            kept.append((MOVES, tag, was, why))
        else:
            kept.append((kind, tag, was, why))
    return kept
