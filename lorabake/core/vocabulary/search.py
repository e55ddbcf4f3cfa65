"""Finding tags by what was typed of them, as fast as somebody types.

All names and aliases stand one to a line in one long text, the commonest tag first: what is found
first is then what is wanted first, and a search ends as soon as it has enough. A mark stands where
a word begins, so that `hair` finds `long_hair` before `chair`.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from lorabake.core.tags import unescape_brackets

MAX_TEXT: Final = 200  # characters that are looked at
_MARK: Final = "\x01"
_SEPARATORS: Final = "_(-:/.&+"  # behind these a word begins
_MAX_LINES: Final = 4000  # looked at one by one for words in another order
_REMEMBERED: Final = 512  # searches
_FEW: Final = 2000  # lines of one search that is remembered
_SPACES: Final = re.compile(r"[\s_]+")


def search_key(text: str) -> str:
    r"""What was typed, in the form in which tags are searched: `Long ha` → `long_ha`."""
    typed = unescape_brackets(text[:MAX_TEXT]).casefold().lstrip()
    key = _SPACES.sub("_", typed)
    return key if key.isprintable() else ""


def _marked(key: str) -> str:
    for separator in _SEPARATORS:
        if separator in key:
            key = key.replace(separator, separator + _MARK)
    return key


class Lines:
    """Names to search in, in the order in which they are wanted.

    names: keys (of core.tags.tag_key); numbers given back count from 0 in this order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        joined = "\n".join(names)
        marked = _marked(joined).replace("\n", f"\n{_MARK}")
        self._text = f"{_MARK}{marked}\n".encode("utf-8", "replace") if joined else b""
        self._starts = array("I", _line_starts(self._text))
        self._whole: dict[bytes, tuple[int, ...]] = {}  # all lines of a search that found few

    def words(self, key: str) -> Iterator[int]:
        """Lines in which a word begins with the key (which may hold several words)."""
        return self._lines(f"{_MARK}{_marked(key)}".encode())

    def anywhere(self, key: str) -> Iterator[int]:
        """Lines that hold the key, also inside of a word."""
        return self._lines(_marked(key).encode())

    def unordered(self, key: str) -> Iterator[int]:
        """Lines that have a word for each typed word, in any order: `rail honkai`."""
        words = sorted(filter(None, key.split("_")), key=len, reverse=True)
        if len(words) < 2:
            return
        first, *others = (f"{_MARK}{_marked(word)}".encode() for word in words)
        for seen, line in enumerate(self._lines(first)):
            if seen == _MAX_LINES:
                return
            place = self._place(line)
            if all(self._text.find(other, *place) >= 0 for other in others):
                yield line

    def _lines(self, needle: bytes) -> Iterator[int]:
        """Numbers of the lines that hold the needle, each once.

        Who types on asks for a part of what was found before: when that was all there is, and
        little, the long text is not searched again.
        """
        if not needle or b"\n" in needle:
            return
        found = []
        known = self._narrowed(needle)
        for line in self._search(needle) if known is None else known:
            found.append(line)
            yield line
        if len(found) <= _FEW:
            if len(self._whole) >= _REMEMBERED:
                self._whole.clear()
            self._whole[needle] = tuple(found)

    def _narrowed(self, needle: bytes) -> list[int] | None:
        """The lines among those of an earlier, shorter needle; None when there was none."""
        for length in range(len(needle), 0, -1):
            known = self._whole.get(needle[:length])
            if known is not None:
                return [line for line in known if self._text.find(needle, *self._place(line)) >= 0]
        return None

    def _search(self, needle: bytes) -> Iterator[int]:
        find, text, starts = self._text.find, self._text, self._starts
        at = find(needle)
        while at >= 0:
            line = bisect_right(starts, at) - 1
            yield line
            at = find(needle, self._end(line)) if self._end(line) < len(text) else -1

    def _place(self, line: int) -> tuple[int, int]:
        return self._starts[line], self._end(line)

    def _end(self, line: int) -> int:
        return self._starts[line + 1] if line + 1 < len(self._starts) else len(self._text)


def _line_starts(text: bytes) -> Iterator[int]:
    lines = text.split(b"\n")[:-1]
    return accumulate((len(line) + 1 for line in lines[:-1]), initial=0) if lines else iter(())
