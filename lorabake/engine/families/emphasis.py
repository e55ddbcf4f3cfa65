"""How strongly each part of a prompt counts, as AUTOMATIC1111's web UI reads it.

`(tag)` 1.1 times, `((tag))` 1.21 times, `[tag]` 1 / 1.1 times, `(tag:1.2)` 1.2 times, `\\(` a bracket
that is part of a tag, `BREAK` the end of a chunk. Brackets that are never closed count to the end.
Source of the rules: AUTOMATIC1111/stable-diffusion-webui, wiki "Features", Attention/emphasis.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lorabake.core.errors import GridError

ROUND, SQUARE = 1.1, 1 / 1.1
MAX_DEPTH = 100  # brackets in brackets; each multiplies all that is inside of it
MAX_WEIGHT = 100.0  # far above any use; what is larger ends as no number at all

_SIGN = re.compile(
    r"\\(?P<literal>[()\[\]\\]?)"
    r"|(?P<open>[(\[])"
    r"|:\s*(?P<weight>[+-]?[.\d]+)\s*\)"
    r"|(?P<close>[)\]])"
    r"|(?P<text>[^\\()\[\]:]+|:)"
)
_BREAK = re.compile(r"\bBREAK\b")
_IN_SQUARE = re.compile(r"(?<!\\)\[([^\[\]]*)\]")
_EDITS = re.compile(r":\s*[.\d]++\s*\Z|(?<!\\)\|")  # what stands between square brackets
_AND = re.compile(r"\bAND\b")


@dataclass(frozen=True)
class Piece:
    """A run of text of one weight. breaks: no text, but the end of a chunk."""

    text: str
    weight: float = 1.0
    breaks: bool = False


def weigh(prompt: str) -> list[Piece]:
    """The pieces of a prompt, in its order; neighbours of equal weight are one.

    Raises GridError for what changes while a picture is drawn (`[a:b:0.5]`, `[a|b]`), for AND, and
    for brackets and weights beyond any use.
    """
    _refuse_what_is_not_drawn(prompt)
    pieces: list[Piece] = []
    opened: list[tuple[str, int]] = []  # bracket, number of pieces before it
    for match in _SIGN.finditer(prompt):
        kind, text = match.lastgroup, match[0]
        if kind == "open":
            opened.append((text, len(pieces)))
            if len(opened) > MAX_DEPTH:
                raise GridError(
                    f"More than {MAX_DEPTH} brackets stand in each other in the prompt. Close some, or "
                    r"write a bracket of a tag's name as \(."
                )
        elif kind == "literal":
            pieces.append(Piece(match["literal"]))
        elif kind == "weight" and (start := _closed(opened, "(")) is not None:
            _multiply(pieces, start, _number(match["weight"]))
        elif text == ")" and (start := _closed(opened, "(")) is not None:
            _multiply(pieces, start, ROUND)
        elif text == "]" and (start := _closed(opened, "[")) is not None:
            _multiply(pieces, start, SQUARE)
        else:
            first, *others = _BREAK.split(text)
            pieces.append(Piece(first.rstrip() if others else first))
            for number, other in enumerate(others, 1):
                last = number == len(others)
                pieces += [Piece("", breaks=True), Piece(other.lstrip() if last else other.strip())]
    for bracket, start in opened:
        _multiply(pieces, start, ROUND if bracket == "(" else SQUARE)
    if any(not abs(piece.weight) <= MAX_WEIGHT for piece in pieces):
        raise GridError(
            f"The prompt has a weight above {MAX_WEIGHT:g}, which no picture bears. Write (tag:1.2)."
        )
    return _merged(pieces)


def _closed(opened: list[tuple[str, int]], bracket: str) -> int | None:
    """Takes back the last bracket of this kind; where it was opened."""
    for index in reversed(range(len(opened))):
        if opened[index][0] == bracket:
            return opened.pop(index)[1]
    return None


def _multiply(pieces: list[Piece], start: int, factor: float) -> None:
    for index in range(start, len(pieces)):
        piece = pieces[index]
        if not piece.breaks:
            pieces[index] = Piece(piece.text, piece.weight * factor)


def _merged(pieces: list[Piece]) -> list[Piece]:
    made: list[Piece] = []
    for piece in pieces:
        if not piece.text and not piece.breaks:
            continue
        last = made[-1] if made else None
        if last and not piece.breaks and not last.breaks and last.weight == piece.weight:
            made[-1] = Piece(last.text + piece.text, piece.weight)
        else:
            made.append(piece)
    return made


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GridError(f"{text[:20]!r} in the prompt is no weight. Write (tag:1.2).") from None


def _refuse_what_is_not_drawn(prompt: str) -> None:
    edits = (found[0] for found in _IN_SQUARE.finditer(prompt) if _EDITS.search(found[1]))
    if edit := next(edits, None):
        raise GridError(
            f"{edit[:60]} changes the prompt while a picture is drawn, which a grid does not do. "
            r"Write one of the two; a bracket of a tag's name is written as \[."
        )
    if _AND.search(prompt):
        raise GridError("AND between two prompts is not drawn here. Write one prompt.")
