"""What frozen text encoders said, kept within a limit of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lorabake.engine.families.prompts import Conditioning

LIMIT = 64 * 2**20  # bytes: some 70 captions of SDXL, thousands of the practice model's


class Remembered:
    """Encoded captions; what was not asked for longest is forgotten first.

    A shuffled caption hardly ever comes twice, and must not fill a card's memory for nothing.
    """

    def __init__(self, encode: Callable[[str], Conditioning], limit: int = LIMIT) -> None:
        self._encode = encode
        self._limit = limit
        self._bytes = 0
        self._kept: OrderedDict[str, Conditioning] = OrderedDict()

    def __call__(self, caption: str) -> Conditioning:
        found = self._kept.get(caption)
        if found is None:
            found = self._kept[caption] = self._encode(caption)
            self._bytes += _size(found)
        self._kept.move_to_end(caption)
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return found


def _size(one: Conditioning) -> int:
    return one.context.nbytes + one.pooled.nbytes
