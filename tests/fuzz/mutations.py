"""Real examples, damaged on purpose: the strategies that the table of parsers is built from."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

# What breaks readers: wrong ways of writing, counting and comparing text.
ODD_TEXTS = (
    *("\0", "\x1b[31m", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\ud800", "\udfff"),
    *("ﬁ", "İ", "ß", "е", "ᴀ", "e\u0301", "🦋", "👩‍👩‍👧‍👦", "カフカ", "٣", "²", "½"),
    *("-0", "1e999", "-1e-999", "NaN", "Infinity", "9" * 5000, "0x7f", "1_000", "٣" * 20, "+-1"),
    *(
        "{{",
        "}}",
        "${x}",
        "[[",
        "]]",
        "((((((((",
        "))))))))",
        "\\",
        "\\\\",
        '"',
        "'",
        "`",
        "<",
        ">",
    ),
    *("../", "..\\", "C:", "CON", "%00", "%2e%2e", "\r", "\n", "\r\n", "\t", ",", ", ,", ":", "|"),
    *("true", "null", "None", "[]", "{}", "=", "#", "--", "AND", "OR", "NOT", "BREAK", "*", "?"),
    *(" ", "a", "1", "(", "[", "[[", "{", "<", "-", ".", "_", "<lora:", "1::", ": 1", "-> ", "\\("),
)
ODD_BYTES = (
    *(
        b"\0" * 8,
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"\xff\xff\xff\xff",
        b"\n",
        b"\0",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"PK\5\6", b"IEND", b"{", b'"'),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, -(2**63), 10**400, 1e308, float("nan")),
    *(float("inf"), "", "\0", "x" * 5000, "\ud800", [], {}, [[]], {"": {}}, ["a"] * 300, "1", "-1"),
)
MAX_LENGTH = 20_000


@dataclass(frozen=True)
class Cases:
    """What a parser is fed with. draw: a case of a random generator; plain: simple ones besides.

    Hypothesis makes failing cases small, and costs some milliseconds for each; for many, `draw`
    alone is used. examples: whole ones as bytes, and of_bytes: the case that any bytes stand for
    (ValueError for none), for a fuzzer that thinks in bytes.
    """

    draw: Callable[[random.Random], Any]
    plain: st.SearchStrategy[Any]
    examples: tuple[bytes, ...] = ()
    of_bytes: Callable[[bytes], Any] = bytes

    @property
    def strategy(self) -> st.SearchStrategy[Any]:
        seeds = st.integers(0, 2**48)
        return self.plain | seeds.map(lambda seed: self.draw(random.Random(seed)))


def texts(*examples: str, free: int = 120) -> Cases:
    """Free text, odd pieces in a row, and the examples with up to eight damages each."""

    def draw(rng: random.Random) -> str:
        if rng.random() < 0.2:
            return "".join(rng.choice(ODD_TEXTS) for _ in range(rng.randint(0, 12)))[:MAX_LENGTH]
        if rng.random() < 0.1:
            letters = (chr(rng.choice(_PLANES)(rng)) for _ in range(rng.randint(0, free)))
            return "".join(letters)
        return _hurt_text(rng, rng.choice(examples))

    whole = tuple(text.encode("utf-8", "surrogatepass") for text in examples)
    return Cases(draw, st.text(max_size=free), whole, text_of)


def bytes_of(*examples: bytes, free: int = 200) -> Cases:
    """Free bytes, and the examples with up to eight damages each."""

    def draw(rng: random.Random) -> bytes:
        if rng.random() < 0.1:
            return rng.randbytes(rng.randint(0, free))
        return _hurt_bytes(rng, rng.choice(examples))

    return Cases(draw, st.binary(max_size=free), examples)


def jsons(*examples: Any) -> Cases:
    """Free JSON, and the examples with values exchanged, lost, doubled and nested."""
    leaves = st.sampled_from(ODD_VALUES) | st.text(max_size=20) | st.integers() | st.floats()
    anything = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=12,
    )
    written = tuple(map(json.dumps, examples))
    whole = tuple(text.encode() for text in written)
    return Cases(lambda rng: _hurt_json(rng, rng.choice(written)), anything, whole, json_of)


def text_of(data: bytes) -> str:
    """Half letters too; what is no UTF-8 becomes half letters, as Python reads names of files."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def json_of(data: bytes) -> Any:
    """ValueError for what is no JSON."""
    try:
        return json.loads(data)
    except RecursionError as deep:
        raise ValueError("too deep") from deep


# Where letters are from: ASCII, Latin and its neighbours, everything but halves, halves too.
_PLANES: tuple[Callable[[random.Random], int], ...] = (
    lambda rng: rng.randrange(0x80),
    lambda rng: rng.randrange(0x500),
    lambda rng: rng.randrange(0xD800),
    lambda rng: rng.randrange(0x110000),
)


def _hurt_text(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(0, 8)):
        text = _once(rng, text, rng.choice(ODD_TEXTS))
    return text[:MAX_LENGTH]


def _hurt_bytes(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.randint(0, 8)):
        if data and rng.random() < 0.4:  # a bit
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        else:
            data = _once(rng, data, rng.choice(ODD_BYTES))
    return data[: MAX_LENGTH * 5]


def _once(rng: random.Random, whole: Any, odd: Any) -> Any:
    """One damage to a text or to bytes: cut, doubled, lost, put in, turned round, repeated."""
    first, last = sorted((rng.randint(0, len(whole)), rng.randint(0, len(whole))))
    way = rng.randrange(7)
    if way == 0:
        return whole[:last]
    if way == 1:
        return whole[first:]
    if way == 2:
        return whole[:first] + whole[last:]
    if way == 3:
        return whole[:last] + whole[first:last] * rng.randint(1, 3) + whole[last:]
    if way == 4:
        return whole[:first] + odd * rng.choice((1,) * 12 + (2, 2, 50, 3000)) + whole[first:]
    if way == 5:
        return whole[:first] + odd + whole[first + len(odd) :]
    return whole[:first] + whole[first:last][::-1] + whole[last:]


def _hurt_json(rng: random.Random, text: str) -> Any:
    value = json.loads(text)
    for _ in range(rng.randint(1, 6)):
        value = _hurt_value(rng, value)
    return value


def _hurt_value(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        way = rng.random()
        if way < 0.1:
            return {name: one for name, one in value.items() if name != key}
        if way < 0.15:
            return value | {rng.choice(ODD_TEXTS): value[key]}
        return value | {key: _hurt_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        if rng.random() < 0.1:
            return [*value[:at], *value[at + 1 :]]
        return [*value[:at], _hurt_value(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.6:
        return _hurt_text(rng, value)
    if rng.random() < 0.1:
        for _ in range(rng.choice((3, 30, 300))):
            value = [value]
        return value
    return rng.choice(ODD_VALUES)
