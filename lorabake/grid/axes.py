"""What is written into the fields "Epochs" and "Weights": lists and ranges as in X/Y/Z plot.

`7,10`   `7-10`   `1-5 (+2)`   `10-5 (-3)`   `0.5-1.0 [6]`   `0.5-1.0(+0.1)`
The guide's own strings mean what they say there: `-10, -09, -08` and `1.0>, 0.9>, 0.8>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorabake.core.errors import GridError

MAX_VALUES = 100
MAX_TEXT = 2000  # characters
MAX_WEIGHT = 10.0

_NUMBER = r"[+-]?\d{1,6}(?:\.\d{1,8})?"
_RANGE = re.compile(
    rf"({_NUMBER})\s*-\s*({_NUMBER})\s*(?:\(\s*([+-]\s*\d{{1,6}}(?:\.\d{{1,8}})?)\s*\)|\[\s*(\d{{1,6}})\s*\])?"
)
_DIGITS = 8  # as X/Y/Z plot rounds


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
            raise _too_many(what)
    return list(values)


def parse_weights(text: str) -> list[float]:
    """LoRA weights, as `0.5-1.0 (+0.1)` or the guide's `1.0>, 0.9>, 0.8>`."""
    weights = parse_values(text.replace(">", ""), what="weights")
    if not weights:
        raise GridError("No weight is given. Write for example 0.6, 0.8, 1.0.")
    for weight in weights:
        if abs(weight) > MAX_WEIGHT:
            raise GridError(
                f"A weight of {weight:g} is beyond anything useful. Most LoRAs work from 0.5 to 1.0."
            )
    return weights


def choose_epochs(text: str, available: Sequence[int]) -> list[int]:
    """The epochs a text lists, as `7-10` or the guide's `-10, -09`; all of them when it is empty."""
    if not available:
        raise GridError("This run has no LoRA file yet. Wait for its first epoch to be saved.")
    pieces = [piece.strip() for piece in text.replace("\n", ",").split(",")]
    # "-10" is how the guide searches for the end of a file's name; there is no epoch below 1
    plain = ",".join(piece[1:] if re.fullmatch(r"-\d+", piece) else piece for piece in pieces)
    values = parse_values(plain, what="epochs")
    if not values:
        return list(available)
    for value in values:
        if value not in available:
            raise GridError(
                f"There is no file of epoch {value:g}. There are: {_spoken(available)}."
            )
    return [int(value) for value in values]


def _piece(piece: str, what: str) -> list[float]:
    if re.fullmatch(_NUMBER, piece):
        return [round(float(piece), _DIGITS)]
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
        raise _too_many(what)
    whole = first.is_integer() and last.is_integer() and abs(last - first) >= count - 1
    values = [first + (last - first) * n / max(count - 1, 1) for n in range(count)]
    return [round(value, 0 if whole else _DIGITS) for value in values]


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
        raise _too_many(what)
    return [round(start + stride * number, _DIGITS) for number in range(count)]


def _too_many(what: str) -> GridError:
    return GridError(f"More than {MAX_VALUES} {what} do not fit on one sheet. Choose fewer.")


def _spoken(numbers: Sequence[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
