"""Stateless randomness: every random choice is derived from what it is for.

Nothing remembers a generator's position, so a bake that was cut off anywhere goes on to the same
bits, one step can be replayed alone, and the number of workers changes nothing.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def derive(seed: int, purpose: str, *position: int | str) -> int:
    """A 63-bit number for (seed, purpose, position), the same on every machine and run."""
    text = "\x1f".join([str(seed), purpose, *map(str, position)])
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "big") >> 1


def rng(seed: int, purpose: str, *position: int | str) -> random.Random:
    """A fresh generator for one choice."""
    return random.Random(derive(seed, purpose, *position))


def shuffled(items: list[T], seed: int, purpose: str, *position: int | str) -> list[T]:
    """A shuffled copy of `items`."""
    result = list(items)
    rng(seed, purpose, *position).shuffle(result)
    return result
