"""Reading what a person types into a field: lists of tags, wildcards, pairs of old and new."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Final

from lorabake.captions.settings import FieldError
from lorabake.core.names import shown
from lorabake.core.tags import tag_key

MAX_WILDCARDS: Final = 100
_WILD = re.compile(r"[*?]")
_WORD = re.compile(r"\w", re.ASCII)
_EQUALS = re.compile(r"\s+(?:=|→|->)\s+|→|->")
_SIGNS = re.compile(r"[^\S\n]*=[^\S\n]*")


def split_tags(text: str) -> tuple[str, ...]:
    """Tags with commas or line ends between them, as they were typed."""
    return tuple(
        tag for line in text.splitlines() for part in line.split(",") if (tag := part.strip())
    )


class Matcher:
    """Tags that somebody named, in any spelling; `*` stands for any letters, `?` for one.

    A name made of signs alone, such as `?` or `!?`, is a tag and no wildcard.
    """

    def __init__(self, typed: str, field: str) -> None:
        self.named: dict[str, str] = {}  # key → as typed
        self._wild: list[re.Pattern[str]] = []
        self._known: dict[str, bool] = {}
        for tag in split_tags(typed):
            key = tag_key(tag)
            if _WILD.search(tag) and _WORD.search(tag):
                # fnmatch makes each * atomic, so that no pattern is slow.
                self._wild.append(re.compile(translate(key.replace("[", "[[]"))))
            else:
                self.named.setdefault(key, tag)
        if len(self._wild) > MAX_WILDCARDS:
            raise FieldError(
                field, f"More than {MAX_WILDCARDS} of these tags have * or ? in them. Use fewer."
            )

    def wild(self, key: str) -> bool:
        """Whether a wildcard fits."""
        if not self._wild:
            return False
        found = self._known.get(key)
        if found is None:
            found = any(pattern.match(key) for pattern in self._wild)
            self._known[key] = found
        return found

    def matches(self, key: str) -> bool:
        return key in self.named or self.wild(key)


def parse_replacements(text: str) -> dict[str, tuple[str, ...]]:
    """key of the old tag → the new tags; FieldError names the line that does not work."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        for old, new in _pairs(line, number):
            key = tag_key(old)
            if found.get(key, new) != new:
                raise FieldError(
                    "replace", f"Line {number}: {shown(old)} is replaced twice. Keep one of them."
                )
            found[key] = new
    return found


def _pairs(line: str, number: int) -> Iterable[tuple[str, tuple[str, ...]]]:
    left, right = _sides(line, number)
    if not left or not right:
        raise FieldError(
            "replace",
            f"Line {number} wants a tag on both sides of the equals sign. "
            "To take a tag out, write it under Tags to remove.",
        )
    if len(left) > 1 and len(left) == len(right):
        return [(old, (new,)) for old, new in zip(left, right, strict=True)]
    if len(left) > 1 and len(right) > 1:
        raise FieldError(
            "replace",
            f"Line {number} has {len(left)} tags on the left and {len(right)} on the right. "
            "Write as many on both sides, or one tag on one of them.",
        )
    return [(old, right) for old in left]


def _sides(line: str, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands left and right: of " = " with spaces if there is one, for faces such as =_=."""
    for separator in (_EQUALS, _SIGNS):
        parts = separator.split(line.strip())
        if len(parts) == 2:
            return split_tags(parts[0]), split_tags(parts[1])
    raise FieldError(
        "replace",
        f"Line {number} is not understood. Write old = new, with one equals sign between.",
    )
