"""LoHa layers: ΔW = scaling · (w1_a @ w1_b) ∘ (w2_a @ w2_b) (FedPara, arXiv 2108.06098).

The product of two matrices of rank r number by number has rank r² and known factors, so ΔW is a LoRA
of that rank and is never made; for large ranks it is cheaper made, and then one layer at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lorabake.engine.networks.layer import Shape
from lorabake.engine.networks.lora_layers import LowRankLayer, product_norm


class LohaLayer(LowRankLayer):
    FILE_NAMES: ClassVar[Mapping[str, str]] = {
        key: f"hada_{key}" for key in ("w1_a", "w1_b", "w2_a", "w2_b")
    }
    SCALED = ("w1_a",)
    RANKS_DROP = False

    w1_a: nn.Parameter
    w1_b: nn.Parameter
    w2_a: nn.Parameter
    w2_b: nn.Parameter

    @staticmethod
    def plan(weight: Shape, rank: int) -> dict[str, Shape]:
        out, wide = weight[0], math.prod(weight[1:])
        a, b = (out, rank), (rank, wide)
        return {"w1_a": a, "w1_b": b, "w2_a": a, "w2_b": b}

    @classmethod
    def rank_of(cls, values: Mapping[str, Tensor]) -> int:
        return len(values["w1_b"])

    @classmethod
    def shapes_of(cls, values: Mapping[str, Tensor], weight: Shape, rank: int) -> dict[str, Shape]:
        return cls.plan(weight, rank)

    @property
    def narrow(self) -> bool:
        return 2 * self.rank**2 <= min(len(self.w1_a), self.w1_b.shape[1])

    def factors(self) -> tuple[Tensor, Tensor]:
        """down (r², C[, k, k]): products of rows; up (D, r²): products of columns."""
        down, up = khatri_rao(self.w1_a, self.w1_b, self.w2_a, self.w2_b)
        if (mask := self.row_mask()) is not None:
            up = up * mask.view(-1, 1)
        if not self.linear:
            down = down.view(-1, *self.weight.shape[1:])
        return down, up

    def compute(self, x: Tensor) -> Tensor:
        if self.narrow:
            return super().compute(x)
        result: Tensor = self.base_layer(x)
        if not self.acts:
            return result
        # what is made inside is made again on the way back, so that one layer's ΔW exists at a time
        added = checkpoint(self.added, x, use_reentrant=False, preserve_rng_state=False)
        return result + self.part.weight * added

    def added(self, x: Tensor) -> Tensor:
        return self.convolve(x, self._product().to(x.dtype))

    def _product(self) -> Tensor:
        product = self.scaling * (self.w1_a @ self.w1_b) * (self.w2_a @ self.w2_b)
        if (mask := self.row_mask()) is not None:
            product = product * mask.view(-1, 1)
        return product.view(self.weight.shape)

    def delta(self) -> Tensor:
        with torch.no_grad():
            return self._product()

    def settle(self) -> None:
        if self.narrow:
            super().settle()

    def initialise(self, seed: int) -> None:
        """As LyCORIS: w1_a with deviation 0.1, both b with 1, w2_a zero."""
        for key, std in (("w1_a", 0.1), ("w1_b", 1.0), ("w2_b", 1.0)):
            self.draw_normal(key, seed, std)
        with torch.no_grad():
            self.w2_a.zero_()

    def scale_norm(self, limit: float) -> bool:
        """The first factor by limit / ‖ΔW‖, where LyCORIS puts it in a file."""
        with torch.no_grad():
            norm = abs(self.scaling) * loha_norm(self.w1_a, self.w1_b, self.w2_a, self.w2_b)
            if norm <= limit:
                return False
            self.w1_a.mul_(limit / norm)
        return True


def khatri_rao(w1_a: Tensor, w1_b: Tensor, w2_a: Tensor, w2_b: Tensor) -> tuple[Tensor, Tensor]:
    """Factors (r², C) and (D, r²) of the product of two low-rank matrices number by number."""
    down = (w1_b.unsqueeze(1) * w2_b.unsqueeze(0)).flatten(0, 1)
    up = (w1_a.unsqueeze(2) * w2_a.unsqueeze(1)).flatten(1)
    return down, up


def loha_norm(w1_a: Tensor, w1_b: Tensor, w2_a: Tensor, w2_b: Tensor) -> float:
    """‖(w1_a @ w1_b) ∘ (w2_a @ w2_b)‖, by its factors where they are smaller than the matrix."""
    if 2 * len(w1_b) ** 2 <= min(len(w1_a), w1_b.shape[1]):
        down, up = khatri_rao(w1_a, w1_b, w2_a, w2_b)
        return product_norm(up, down)
    return float(((w1_a.float() @ w1_b.float()) * (w2_a.float() @ w2_b.float())).norm())
