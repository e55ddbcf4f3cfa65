"""Dropout without memory: a mask follows from (seed, batch, slot, layer), never from what ran before.

The recomputation of gradient checkpointing draws the same masks, a batch may be cut into pieces, and
every card draws what a processor draws: masks are made of whole-number arithmetic.

Semantics as in the kohya trainers for a LoRA: network dropout on what comes out of `down`, rank
dropout zeroes ranks of each picture, both scaled up by 1/(1−p); module dropout leaves a layer's
network out for the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lorabake.core.randomness import derive, rng


@dataclass(frozen=True)
class Chances:
    """Of being left out: each number behind `down`, each rank, each layer."""

    network: float = 0.0
    rank: float = 0.0
    module: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.network or self.rank or self.module)


@dataclass(frozen=True)
class Draw:
    """The masks of one batch.

    first_slot: of the piece that is computed now. by_slot: whether rows are slots. In a text encoder
    they are not (captions have several chunks, and share some), so there all rows share one mask.
    """

    chances: Chances
    seed: int
    number: int
    first_slot: int = 0
    by_slot: bool = True

    def skips(self, layer: str) -> bool:
        """Whether a layer's network is left out of this batch."""
        if not self.chances.module:
            return False
        chance = rng(self.seed, "module_dropout", layer, self.number).random()
        return chance < self.chances.module

    def network_mask(self, layer: str, like: Tensor) -> Tensor | None:
        """0 or 1/(1−p) for every number of (B, …); None when nothing is left out."""
        return self._mask("network_dropout", layer, like, like[0].numel(), self.chances.network)

    def rank_mask(self, layer: str, like: Tensor, axis: int) -> Tensor | None:
        """The same for every rank of every picture; `axis` of (B, …) holds the ranks."""
        ranks = like.shape[axis]
        mask = self._mask("rank_dropout", layer, like, ranks, self.chances.rank)
        if mask is None:
            return None
        shape = [1] * like.dim()
        shape[0], shape[axis] = len(mask), ranks
        return mask.reshape(shape)

    def row_mask(self, layer: str, rows: int, device: torch.device) -> Tensor | None:
        """0 or 1 for each row of ΔW, the same for the whole batch: (rows,).

        What LyCORIS calls rank dropout where a network has no ranks of its own; not scaled up there.
        """
        chance = self.chances.rank
        if not chance:
            return None
        key = derive(self.seed, "rank_dropout", layer, self.number)
        return (uniform([key], rows, device)[0] >= chance).float()

    def _mask(
        self, purpose: str, layer: str, like: Tensor, count: int, chance: float
    ) -> Tensor | None:
        if not chance:
            return None
        slots = range(self.first_slot, self.first_slot + len(like)) if self.by_slot else (-1,)
        keys = [derive(self.seed, purpose, layer, self.number, slot) for slot in slots]
        kept = uniform(keys, count, like.device) >= chance
        mask = kept.to(like.dtype) / (1 - chance)
        return mask.reshape(-1, *like.shape[1:]) if count == like[0].numel() else mask


def uniform(keys: Sequence[int], count: int, device: torch.device) -> Tensor:
    """`count` numbers in [0, 1) for each key: (len(keys), count).

    The output function of SplitMix64 (Steele, Lea, Flood, 2014) on key + index · golden ratio.
    """
    index = torch.arange(1, count + 1, device=device) * _GOLDEN
    z = torch.tensor(keys, dtype=torch.int64, device=device).unsqueeze(1) + index
    z = (z ^ _shifted(z, 30)) * _MIX_1
    z = (z ^ _shifted(z, 27)) * _MIX_2
    z = z ^ _shifted(z, 31)
    return _shifted(z, 40).float() * 2**-24  # 24 bits fill an fp32


def _shifted(z: Tensor, by: int) -> Tensor:
    """A logical shift to the right; torch's own drags the sign along."""
    return (z >> by) & ((1 << (64 - by)) - 1)


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)
