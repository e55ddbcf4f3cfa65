"""The language of the filter box: `tag:smile AND NOT (tags:<5 OR name:*crop*)`.

    expression  = term { OR term };  term = factor { [AND] factor };  factor = NOT factor | "(" … ")"
    what is asked: a word, "several words", field:value, field:<number

NOT binds before AND, AND before OR; two things side by side mean AND. `*` and `?` stand for any
text and any character.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from lorabake.core.errors import LorabakeError
from lorabake.core.tags import tag_key

MAX_TEXT: Final = 2000  # characters of an expression
MAX_TERMS: Final = 200
MAX_DEPTH: Final = 40  # brackets in brackets
MAX_STARS: Final = 6  # in one value; more could take long


class FilterError(LorabakeError):
    """An expression that cannot be understood. position: character where, from 0."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.position = position


class Facts(Protocol):
    """What a filter may ask of one picture.

    tags: keys of core.tags.tag_key; source: where it is from, "" if unknown; tokens: may be
    computed when it is asked for; width, height: px.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def caption(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def concept(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


@dataclass(frozen=True)
class Filter:
    """A parsed expression. text: as it was typed."""

    text: str
    _node: _Node | None = field(default=None, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """It asks nothing, and everything matches."""
        return self._node is None

    def select(self, rows: Sequence[Facts]) -> list[int]:
        """Numbers of the rows that match, in order."""
        everything = list(range(len(rows)))
        if self._node is None:
            return everything
        return sorted(self._node(_Table(rows), everything))


def parse_filter(text: str) -> Filter:
    """FilterError with a sentence and a position for what cannot be understood; empty text: all."""
    if len(text) > MAX_TEXT:
        raise FilterError(f"A filter has at most {MAX_TEXT} characters. Shorten it.", MAX_TEXT)
    return Filter(text, _Parser(text).parse())


# --- asking rows -----------------------------------------------------------------------------------


class _Table:
    """The rows, with what several questions need of them computed once."""

    def __init__(self, rows: Sequence[Facts]) -> None:
        self.rows = rows

    @cached_property
    def words(self) -> list[str]:
        """Caption and name in one spelling: `long hair` for long_hair and Long Hair."""
        return [_plain(f"{row.caption}\n{row.name}") for row in self.rows]

    @cached_property
    def captions(self) -> list[str]:
        return [_plain(row.caption) for row in self.rows]


_Node = Callable[[_Table, list[int]], list[int]]
"""From the numbers of rows that are in question, those that match."""


def _and(nodes: Sequence[_Node]) -> _Node:
    def ask(table: _Table, numbers: list[int]) -> list[int]:
        for node in nodes:
            numbers = node(table, numbers)
        return numbers

    return ask


def _or(nodes: Sequence[_Node]) -> _Node:
    def ask(table: _Table, numbers: list[int]) -> list[int]:
        found: list[int] = []
        for node in nodes:
            more = node(table, numbers)
            found += more
            taken = set(more)
            numbers = [number for number in numbers if number not in taken]
        return found

    return ask


def _not(node: _Node) -> _Node:
    def ask(table: _Table, numbers: list[int]) -> list[int]:
        taken = set(node(table, numbers))
        return [number for number in numbers if number not in taken]

    return ask


def _has_tag(value: str) -> _Node:
    key = tag_key(value)
    if not _is_pattern(value):
        return lambda table, numbers: [n for n in numbers if key in table.rows[n].tags]
    match = _pattern(key)
    return lambda table, numbers: [n for n in numbers if any(map(match, table.rows[n].tags))]


def _holds(value: str, texts: Callable[[_Table], Sequence[str]]) -> _Node:
    """The text contains the value, wherever."""
    wanted = _plain(value)
    if not _is_pattern(value):
        return lambda table, numbers: [
            n for n, text in _pairs(table, numbers, texts) if wanted in text
        ]
    match = _pattern(f"*{wanted}*")
    return lambda table, numbers: [n for n, text in _pairs(table, numbers, texts) if match(text)]


def _pairs(
    table: _Table, numbers: list[int], texts: Callable[[_Table], Sequence[str]]
) -> list[tuple[int, str]]:
    known = texts(table)
    return [(number, known[number]) for number in numbers]


def _compares(
    measure: Callable[[Facts], int], compare: Callable[[int, int], bool], limit: int
) -> _Node:
    return lambda table, numbers: [n for n in numbers if compare(measure(table.rows[n]), limit)]


def _plain(text: str) -> str:
    return text.casefold().replace("_", " ")


def _is_pattern(value: str) -> bool:
    return "*" in value or "?" in value


def _pattern(value: str) -> Callable[[str], object]:
    """`*` and `?` only; fnmatch's pattern cannot go back over what it has passed."""
    return re.compile(fnmatch.translate(value.replace("[", "[[]"))).match


# --- fields ------------------------------------------------------------------------------------------

_TEXTS: Final[dict[str, Callable[[_Table], Sequence[str]]]] = {
    "caption": lambda table: table.captions,
    "name": lambda table: [_plain(row.name) for row in table.rows],
    "path": lambda table: [_plain(row.path) for row in table.rows],
    "concept": lambda table: [_plain(row.concept) for row in table.rows],
    "source": lambda table: [_plain(row.source) for row in table.rows],
}
_NUMBERS: Final[dict[str, Callable[[Facts], int]]] = {
    "tags": lambda row: len(row.tags),
    "chars": lambda row: len(row.caption),
    "tokens": lambda row: row.tokens,
    "width": lambda row: row.width,
    "height": lambda row: row.height,
}
_HAS: Final[dict[str, Callable[[Facts], object]]] = {
    "caption": lambda row: row.caption.strip(),
    "tags": lambda row: row.tags,
    "source": lambda row: row.source,
}
FIELDS: Final = ("tag", *_TEXTS, *_NUMBERS, "has")
_COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBER: Final = re.compile(r"(?P<sign>[<>]=?|!=|==?)?\s*(?P<number>\d{1,9})")


def _question(token: _Token) -> _Node:
    """What one word, or one field with its value, asks."""
    name, value, at = token.field, token.text, token.at
    if value.count("*") > MAX_STARS:
        raise FilterError(f"One value has at most {MAX_STARS} signs *. Leave some out.", at)
    if not name:
        return _holds(value, lambda table: table.words)
    if not value.strip():
        raise FilterError(f"Behind {name}: something is missing, such as {_example(name)}.", at)
    if name == "tag":
        return _has_tag(value)
    if name in _TEXTS:
        return _holds(value, _TEXTS[name])
    if name == "has":
        if value.casefold() not in _HAS:
            raise FilterError(f"has: knows {', '.join(_HAS)}.", at)
        has = _HAS[value.casefold()]
        return lambda table, numbers: [n for n in numbers if has(table.rows[n])]
    found = _NUMBER.fullmatch(value.strip())
    if found is None:
        raise FilterError(f"{name}: compares with a number, such as {_example(name)}.", at)
    return _compares(_NUMBERS[name], _COMPARE[found["sign"] or "="], int(found["number"]))


def _example(name: str) -> str:
    examples = {"tag": 'tag:"long hair"', "has": "has:caption", "tokens": "tokens:>75"}
    return examples.get(name) or (f"{name}:>5" if name in _NUMBERS else f"{name}:kafka")


# --- reading -----------------------------------------------------------------------------------------


class _Token(NamedTuple):
    """kind: "word", "and", "or", "not", "(" or ")"; field: "tag" of `tag:…`, else ""."""

    kind: str
    text: str
    at: int
    field: str = ""


_FIELD: Final = re.compile(rf"({'|'.join(FIELDS)}):\s*((?:[<>]=?|!=|==?)\s*)?", re.IGNORECASE)
_BARE: Final = re.compile(r'(?:\\[()"]|[^\s()"])+')


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] in "()":
            found.append(_Token(text[at], text[at], at))
            at += 1
            continue
        start, name, sign = at, "", ""
        named = _FIELD.match(text, at)
        if named:
            name, sign, at = named[1].casefold(), (named[2] or "").strip(), named.end()
        value, quoted, at = _value(text, at, name)
        kind = value.casefold()
        if name or quoted or kind not in ("and", "or", "not"):
            kind = "word"
        found.append(_Token(kind, sign + value, start, name))
        if len(found) > MAX_TERMS:
            raise FilterError(f"A filter has at most {MAX_TERMS} parts. Shorten it.", start)
    return found


def _value(text: str, at: int, name: str) -> tuple[str, bool, int]:
    """(what stands here, whether in quotes, where it ends).

    Brackets in a tag need no quotes when they are balanced: `tag:kafka_(hsr)`.
    """
    if text[at : at + 1] == '"':
        end = text.find('"', at + 1)
        if end < 0:
            raise FilterError('This quote has no end. Add " behind it.', at)
        return text[at + 1 : end], True, end + 1
    start, depth = at, 0
    while at < len(text):
        found = _BARE.match(text, at)
        if found:
            at = found.end()
        elif name and text[at] == "(" and at > start:
            depth, at = depth + 1, at + 1
        elif text[at] == ")" and depth:
            depth, at = depth - 1, at + 1
        else:
            break
    return re.sub(r'\\([()"])', r"\1", text[start:at]), False, at


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), _Token("end", "", len(text))]
        self.place = 0
        self.depth = 0

    def parse(self) -> _Node | None:
        if self.peek.kind == "end":
            return None
        node = self.either()
        if self.peek.kind != "end":
            raise FilterError("There is a ) without a ( before it. Remove it.", self.peek.at)
        return node

    @property
    def peek(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def either(self) -> _Node:
        nodes = [self.both()]
        while self.peek.kind == "or":
            self.take()
            nodes.append(self.both())
        return nodes[0] if len(nodes) == 1 else _or(nodes)

    def both(self) -> _Node:
        nodes = [self.one()]
        while self.peek.kind in ("and", "not", "word", "("):
            if self.peek.kind == "and":
                self.take()
            nodes.append(self.one())
        return nodes[0] if len(nodes) == 1 else _and(nodes)

    def one(self) -> _Node:
        token = self.take()
        if token.kind == "not":
            return _not(self.deeper(token, self.one))
        if token.kind == "(":
            node = self.deeper(token, self.either)
            if self.take().kind != ")":
                raise FilterError("This ( is never closed. Add a ) behind it.", token.at)
            return node
        if token.kind == "word":
            return _question(token)
        if token.kind == "end":
            raise FilterError("The filter ends too early: something is missing here.", token.at)
        what = token.text.upper() if token.kind in ("and", "or") else token.text
        raise FilterError(f"Something is missing before this {what}.", token.at)

    def deeper(self, token: _Token, parse: Callable[[], _Node]) -> _Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FilterError("There are too many brackets in brackets. Use fewer.", token.at)
        node = parse()
        self.depth -= 1
        return node
