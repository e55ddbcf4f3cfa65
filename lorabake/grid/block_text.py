"""`lbw=OUTALL` or `lbw=1,0,0,…` in a prompt's tag: a LoRA's weight block by block, as it is written."""

from __future__ import annotations

import math
from functools import lru_cache

from lorabake.core.errors import GridError
from lorabake.engine.file_kinds import FAMILY_LABELS
from lorabake.engine.networks.blocks import (
    BLOCKS,
    FAMILIES,
    LISTS,
    PRESETS,
    BlockWeights,
    block_weights,
)

MAX_SHARE = 10.0


@lru_cache(maxsize=1024)
def read_blocks(text: str) -> BlockWeights:
    """A preset's name, a block's name for it alone, or 12, 17, 20 or 26 numbers.

    Raises GridError for anything else.
    """
    text = text.strip()
    if text in PRESETS:
        return PRESETS[text]
    if "," not in text:
        raise GridError(
            f"There are no block weights called {text[:40]!r}. Write one of "
            f"{', '.join(name for name in PRESETS if name not in BLOCKS)}, a block as IN04, MID or "
            "OUT05, or a number for each block."
        )
    words = text.split(",")
    if len(words) not in LISTS:
        raise GridError(
            f"Block weights are 12 or 20 numbers for SDXL, 17 or 26 for SD 1.5, and these are "
            f"{len(words)}. Add or leave out some."
        )
    return block_weights([_share(word.strip()) for word in words])


def shown_blocks(text: str) -> str:
    """As labels have them: what is read, with room to wrap after each comma."""
    read_blocks(text)
    return ", ".join(word.strip() for word in text.strip().split(","))


def not_meant(size: int, family: str) -> str:
    """What a person should know of so many block weights on a family's models; "" for nothing."""
    if FAMILIES.get(size, family) == family:
        return ""
    own = [count for count in LISTS if FAMILIES[count] == family]
    missing = [block for block in LISTS[max(own)] if block not in LISTS[size]]
    return (
        f"Block weights of {size} numbers, which presets are too, belong to "
        f"{FAMILY_LABELS[FAMILIES[size]]}; here {', '.join(missing)} count 0. "
        f"Write {' or '.join(map(str, own))} numbers."
    )


def _share(word: str) -> float:
    if word in ("R", "U") or word.startswith("X"):
        raise GridError(
            f"{word[:8]!r} in block weights stands for a number that is not said. Write the number."
        )
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not abs(number) <= MAX_SHARE:
        raise GridError(f"{word[:20]!r} in block weights is no number from -10 to 10.")
    return number
