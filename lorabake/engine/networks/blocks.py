"""A LoRA's weight block by block: the names, lists and presets of LoRA Block Weight. No torch.

From its documented tables (hako-mikan/sd-webui-lora-block-weight): lists of 12, 17, 20 and 26 numbers,
each number for a named block; a block that a list leaves out counts 0. BASE is the text encoders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lorabake.engine.families.sgm_names import unet_modules

BASE, MIDDLE = "BASE", "MID"
BLOCKS = (
    BASE,
    *(f"IN{number:02d}" for number in range(12)),
    MIDDLE,
    *(f"OUT{number:02d}" for number in range(12)),
)


def _named(ins: Sequence[int], outs: Sequence[int]) -> tuple[str, ...]:
    return (BASE, *(f"IN{n:02d}" for n in ins), MIDDLE, *(f"OUT{n:02d}" for n in outs))


# By how many numbers are given: those with attentions alone, and all, of SDXL and of SD 1.5.
LISTS = {
    12: _named((4, 5, 7, 8), range(6)),
    17: _named((1, 2, 4, 5, 7, 8), range(3, 12)),
    20: _named(range(9), range(9)),
    26: BLOCKS,
}
FAMILIES = {12: "sdxl", 17: "sd15", 20: "sdxl", 26: "sd15"}

_DIGITS = {
    "NONE": "0" * 17,
    "NOT": "0" * 17,
    "ALL": "1" * 17,
    "INS": "11110000000000000",
    "IND": "10001110000000000",
    "INALL": "11111110000000000",
    "MIDD": "10001111111100000",
    "OUTD": "10000000111100000",
    "OUTS": "10000000000011111",
    "OUTALL": "10000000111111111",
}


@dataclass(frozen=True)
class BlockWeights:
    """numbers: by the names of blocks, in the order of BLOCKS; what is not named counts 0.

    size: how many numbers were written, which tells the model they are meant for; 0 for one block.
    """

    numbers: tuple[float, ...]
    size: int = field(default=0, compare=False)

    @property
    def base(self) -> float:
        """What the weight in the text encoders is multiplied by."""
        return self.numbers[0]

    def of(self, block: str) -> float:
        """What the U-Net's weight is multiplied by in a block; 1 for layers that are in none."""
        return self.numbers[BLOCKS.index(block)] if block else 1.0


def block_weights(numbers: Sequence[float]) -> BlockWeights:
    """From 12, 17, 20 or 26 numbers; KeyError for any other count."""
    given = dict(zip(LISTS[len(numbers)], numbers, strict=True))
    return BlockWeights(tuple(given.get(block, 0.0) for block in BLOCKS), len(numbers))


# A block's name stands for that block alone.
PRESETS: Mapping[str, BlockWeights] = {
    **{name: block_weights([float(digit) for digit in digits]) for name, digits in _DIGITS.items()},
    "ALL0.5": block_weights([0.5] * 17),
    **{name: BlockWeights(tuple(float(name == block) for block in BLOCKS)) for name in BLOCKS},
}


def blocks_of(unet_config: Any) -> dict[str, str]:
    """The block of every layer of a U-Net, by its diffusers path; "" for what is in none.

    `down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q` is in IN04, for SDXL and SD 1.5.
    """
    return {path: _block(name) for path, name in unet_modules(unet_config).items()}


def _block(name: str) -> str:
    """Of a layer's name in Stability's layout."""
    if name.startswith("middle_block."):
        return MIDDLE
    match = re.match(r"(input|output)_blocks\.(\d+)\.", name)
    return f"{'IN' if match[1] == 'input' else 'OUT'}{int(match[2]):02d}" if match else ""
