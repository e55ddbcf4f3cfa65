"""Lists and ranges of numbers, and lists of words, as they are written into X/Y/Z plot.

`7,10`   `7-10`   `1-5 (+2)`   `10-5 (-3)`   `0.5-1.0 [6]`   `0.5-1.0(+0.1)`
"""

from __future__ import annotations

import csv
import re

from lorabake.core.errors import GridError

MAX_VALUES = 100
MAX_TEXT = 2000  # characters of a list of numbers
MAX_WORDS = 20_000  # characters of a list of words, which may be whole prompts
DIGITS = 8  # as X/Y/Z plot rounds

_NUMBER = r"[+-]?\d{1,10}(?:\.\d{1,8})?"
_RANGE = re.compile(
    rf"({_NUMBER})\s*-\s*({_NUMBER})\s*(?:\(\s*([+-]\s*\d{{1,10}}(?:\.\d{{1,8}})?)\s*\)|\[\s*(\d{{1,6}})\s*\])?"
)


def number(value: float) -> str:
    """`1.0`, `0.85`: as the guide writes weights."""
    return str(round(float(value), DIGITS))


def short_number(value: float) -> str:
    """`20`, `0.85`: whole numbers without a point."""
    rounded = round(float(value), DIGITS)
    return str(int(rounded)) if rounded.is_integer() else str(rounded)


def parse_values(text: str, *, what: str = "values") -> list[float]:
    """The numbers a text lists, in its order, each once.

    what: the field's name for the sentence. Raises GridError for what is no number or range, for
    an endless range, and for more than 100 values.
    """
    if len(text) > MAX_TEXT:
        raise GridError(f"The {what} are too long to be a list of numbers.")
    values: dict[float, None] = {}
    for piece in text.replace("\n", ",").split(","):
        if not piece.strip():
            continue
        values.update(dict.fromkeys(_piece(piece.strip(), what)))
        if len(values) > MAX_VALUES:
            raise too_many(what)
    return list(values)


def parse_words(text: str, *, what: str = "values") -> list[str]:
    """The words a text lists, as X/Y/Z plot reads them: CSV, lines one after the other.

    `a, "b, c"` is `a` and `b, c`; a quote inside quotes is doubled. An empty word stands for
    "without" and stays.
    """
    if len(text) > MAX_WORDS or "\0" in text:
        raise GridError(f"The {what} are too long for one axis. Leave some out.")
    try:
        rows = list(csv.reader(text.split("\n"), skipinitialspace=True))
    except csv.Error as error:
        raise GridError(f"The {what} are no list that can be read ({error}).") from None
    words = [word.strip() for row in rows for word in row]
    if len(words) > MAX_VALUES:
        raise too_many(what)
    return list(dict.fromkeys(words))


def join_words(words: list[str] | tuple[str, ...]) -> str:
    """The text that `parse_words` reads as these words."""
    return ", ".join(_cell(word) for word in words)


def too_many(what: str) -> GridError:
    return GridError(f"More than {MAX_VALUES} {what} do not fit on one sheet. Choose fewer.")


def _cell(word: str) -> str:
    if any(sign in word for sign in ',"\n'):
        return '"' + word.replace('"', '""') + '"'
    return word


def _piece(piece: str, what: str) -> list[float]:
    if re.fullmatch(_NUMBER, piece):
        return [round(float(piece), DIGITS)]
    match = _RANGE.fullmatch(piece)
    if not match:
        raise GridError(
            f"{piece[:40]!r} in the {what} is neither a number nor a range. "
            "Write for example 7,10 or 0.5-1.0 (+0.1)."
        )
    first, last, step, count = match.groups()
    if count is not None:
        return _spread(float(first), float(last), int(count), what)
    return _stepped(first, last, step, what)


def _spread(first: float, last: float, count: int, what: str) -> list[float]:
    """`count` evenly spread values; whole numbers stay whole."""
    if not 1 <= count <= MAX_VALUES:
        raise too_many(what)
    whole = first.is_integer() and last.is_integer() and abs(last - first) >= count - 1
    values = [first + (last - first) * n / max(count - 1, 1) for n in range(count)]
    return [round(value, 0 if whole else DIGITS) for value in values]


def _stepped(first: str, last: str, step: str | None, what: str) -> list[float]:
    """From `first` to `last`, both ends counted; without a step by one unit of the last digit."""
    start, end = float(first), float(last)
    if step is None:
        digits = max(len(text.partition(".")[2]) for text in (first, last))
        stride = 10.0**-digits * (1 if end >= start else -1)
    else:
        stride = float(step.replace(" ", ""))
    if stride == 0 or (end - start) * stride < 0:
        raise GridError(
            f"In the {what}, steps of {stride:+g} never lead from {first} to {last}. "
            f"Write {first}-{last} ({-stride or 1:+g})."
        )
    count = int((end - start) / stride + 1e-6) + 1
    if count > MAX_VALUES:
        raise too_many(what)
    return [round(start + stride * number, DIGITS) for number in range(count)]
