"""Whether the votes on a grid's pictures agree with its verdict. Asked when it is read: votes go on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.grid.verdict.words import cell_words

ENOUGH = 0.8  # chance of being the best of all, from which on votes prefer a picture


def votes_say(grid: Path, record: Mapping[str, Any]) -> str:
    """One sentence; "" without a proposal, or before the votes prefer anything."""
    chosen = record.get("verdict")
    if not isinstance(chosen, Mapping):
        return ""
    from lorabake.grid.votes import best  # numpy from here on

    with suppress(LorabakeError, OSError):
        ranked = [one for one in best(grid) if one.epoch is not None and one.weight is not None]
        if not ranked or ranked[0].chance < ENOUGH:
            return ""
        top = ranked[0]
        if (top.epoch, top.weight) == (chosen["epoch"], chosen["weight"]):
            return "Your votes agree."
        assert top.epoch is not None
        assert top.weight is not None
        return f"Your votes prefer {cell_words((top.epoch, top.weight))}: trust your eyes."
    return ""
