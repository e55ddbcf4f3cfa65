"""Regular expressions that a person types: they cannot hang the page, nor fill the memory."""

from __future__ import annotations

import re
import time
from math import prod
from typing import Any, Final

from lorabake.captions.settings import FieldError
from lorabake.core.caption import MAX_BYTES

MAX_PATTERN: Final = 200  # characters
MAX_REPEATS: Final = 1000  # of all {n} multiplied; they are unrolled when read
SECONDS: Final = 2.0  # for all captions together

_COUNTED = re.compile(r"\{(\d*),?(\d*)\}")
_CALLS = re.compile(r"\(\?(?:R|&|P>|[+-]?\d)")


class Expression:
    """A pattern with a time budget, which begins at the first use.

    The `regex` library is used because it can give up: Python's own cannot be interrupted.
    """

    def __init__(self, pattern: str, replacement: str = "", *, seconds: float = SECONDS) -> None:
        """FieldError with a sentence when the pattern or the replacement does not work."""
        _check(pattern)
        self._pattern = _compiled(pattern)
        self._replacement = replacement
        self._seconds = seconds
        self._until = 0.0
        # With an empty alternative it matches nothing at all, so that the replacement can be tried.
        try:
            match = _compiled(f"{pattern}|").match("", timeout=seconds)
        except TimeoutError:
            raise _too_slow() from None
        if match is not None:
            self._expanded(match)

    def count(self, text: str) -> int:
        """Matches in a text that are not empty."""
        try:
            found = self._pattern.finditer(text, timeout=self._left())
            return sum(1 for match in found if match.end() > match.start())
        except TimeoutError:
            raise _too_slow() from None

    def sub(self, text: str) -> str:
        """The text with every match replaced."""
        room = MAX_BYTES

        def expand(match: Any) -> str:
            nonlocal room
            piece = self._expanded(match)
            room -= len(piece)
            if room < 0:
                raise FieldError(
                    "regex_replace", "The replacement makes a caption far too long. Shorten it."
                )
            return piece

        try:
            changed: str = self._pattern.sub(expand, text, timeout=self._left())
        except TimeoutError:
            raise _too_slow() from None
        return changed

    def _expanded(self, match: Any) -> str:
        import regex

        try:
            piece: str = match.expand(self._replacement)
        except (regex.error, IndexError, ValueError, OverflowError) as error:
            raise FieldError(
                "regex_replace",
                f"The replacement does not work: {error}. "
                r"\1 is what the first pair of brackets found.",
            ) from None
        return piece

    def _left(self) -> float:
        now = time.monotonic()
        self._until = self._until or now + self._seconds
        return max(self._until - now, 1e-6)


def _check(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise FieldError(
            "regex_find", f"The expression is longer than {MAX_PATTERN} characters. Shorten it."
        )
    repeats = (max(int(a[:9] or 1), int(b[:9] or 1)) for a, b in _COUNTED.findall(pattern))
    if prod(max(count, 1) for count in repeats) > MAX_REPEATS:
        raise FieldError(
            "regex_find", f"The expression repeats more than {MAX_REPEATS} times. Use * or +."
        )
    if _CALLS.search(pattern):
        raise FieldError("regex_find", "The expression calls itself, which is not possible here.")


def _compiled(pattern: str) -> Any:
    import regex

    try:
        return regex.compile(pattern, regex.IGNORECASE)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise FieldError(
            "regex_find",
            f"This is not a regular expression: {error}. A backslash in front of a sign takes it "
            "as it is.",
        ) from None


def _too_slow() -> FieldError:
    return FieldError(
        "regex_find",
        "The expression takes too long, mostly because of a repeat inside of a repeat. "
        "Make it simpler.",
    )
