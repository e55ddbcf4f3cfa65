"""LoRA layers, with a forward pass made for training and grids.

Activations are large and LoRA weights are small, so the weights are cast to the activations' dtype,
the scale is part of the second product, and that product adds in place.

Legend: B batch, T tokens, C channels in, D channels out, R rank of the product, h w height and width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lorabake.engine.networks.layer import NetworkLayer, Shape


class LowRankLayer(NetworkLayer):
    """Any network whose ΔW is scaling · up @ down: base(x) + weight · scaling · up (down x).

    settled: down and up as they are while pictures are rendered, in the base layer's dtype.
    """

    RANKS_DROP: ClassVar[bool] = True  # dropout behind `down`; else rows of ΔW are left out

    settled: tuple[Tensor, Tensor] | None = None

    def factors(self) -> tuple[Tensor, Tensor]:
        """down (R, C) or (R, C, k, k), and up (D, R) or (D, R, 1, 1)"""
        raise NotImplementedError

    @property
    def narrow(self) -> bool:
        """Whether the factors are small; else ΔW itself is made, one layer at a time."""
        return True

    def compute(self, x: Tensor) -> Tensor:
        return self._linear(x) if self.linear else self._conv(x)

    def _linear(self, x: Tensor) -> Tensor:
        # flat first, so that the in-place add below is on no view
        flat = x.flatten(0, -2) if x.dim() > 2 else x
        result: Tensor = self.base_layer(flat)
        if self.acts:
            down, up = self.settled or self.factors()
            middle = F.linear(flat, down.to(x.dtype))
            if self.RANKS_DROP and self.part.draw is not None:
                middle = self._dropped(middle.view(*x.shape[:-1], -1), -1).view(middle.shape)
            dtype = result.dtype  # autocast may have made it narrower than x
            scale = self.part.weight * self.scaling
            result.addmm_(middle.to(dtype), up.t().to(dtype), alpha=scale)
        return result.view(*x.shape[:-1], -1)

    def _conv(self, x: Tensor) -> Tensor:
        result: Tensor = self.base_layer(x)
        if not self.acts:
            return result
        down, up = self.settled or self.factors()
        middle = self.convolve(x, down.to(x.dtype))
        if self.RANKS_DROP and self.part.draw is not None:
            middle = self._dropped(middle, 1)
        # a 1×1 convolution is a product of matrices, and much quicker as one on a CPU
        wide = up.flatten(1).to(result.dtype).expand(len(x), -1, -1)  # (B, D, R)
        narrow = middle.flatten(2).to(result.dtype)  # (B, R, h w)
        scale = self.part.weight * self.scaling
        return torch.baddbmm(result.flatten(2), wide, narrow, alpha=scale).view(result.shape)

    def _dropped(self, middle: Tensor, axis: int) -> Tensor:
        """What is left of (B, …) behind `down`; `axis` holds the ranks."""
        draw = self.part.draw
        assert draw is not None
        for mask in (
            draw.network_mask(self.name, middle),
            draw.rank_mask(self.name, middle, axis),
        ):
            if mask is not None:
                middle = middle * mask
        return middle

    def delta(self) -> Tensor:
        with torch.no_grad():
            down, up = self.factors()
            product = up.flatten(1).float() @ down.flatten(1).float()
            return (product * self.scaling).view(self.weight.shape)

    def settle(self) -> None:
        with torch.no_grad():
            down, up = self.factors()
            dtype = self.weight.dtype  # computing in the model's own precision: no casts
            self.settled = (down.detach().to(dtype), up.detach().to(dtype))


class LoraLayer(LowRankLayer):
    """W x + weight · alpha / r · up (down x)"""

    FILE_NAMES: ClassVar[Mapping[str, str]] = {"down": "lora_down.weight", "up": "lora_up.weight"}
    SCALED = ("up",)

    down: nn.Parameter
    up: nn.Parameter

    @staticmethod
    def plan(weight: Shape, rank: int) -> dict[str, Shape]:
        out, *rest = weight
        return {"down": (rank, *rest), "up": (out, rank, *[1] * (len(weight) - 2))}

    @classmethod
    def rank_of(cls, values: Mapping[str, Tensor]) -> int:
        return len(values["down"])

    @classmethod
    def shapes_of(cls, values: Mapping[str, Tensor], weight: Shape, rank: int) -> dict[str, Shape]:
        return cls.plan(weight, rank)

    def factors(self) -> tuple[Tensor, Tensor]:
        return self.down, self.up

    def initialise(self, seed: int) -> None:
        """Kaiming-uniform down (a = √5), zero up."""
        bound = 1 / math.sqrt(self.down[0].numel())
        parameter, generator = self.down, self._generator(seed, ())
        values = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
        with torch.no_grad():
            parameter.copy_(values)
            self.up.zero_()

    def scale_norm(self, limit: float) -> bool:
        """Both factors by √(limit / ‖ΔW‖), as the kohya trainers."""
        with torch.no_grad():
            norm = abs(self.scaling) * product_norm(self.up.flatten(1), self.down.flatten(1))
            if norm <= limit:
                return False
            ratio = math.sqrt(limit / norm)
            self.up.mul_(ratio)
            self.down.mul_(ratio)
        return True


def product_norm(columns: Tensor, rows: Tensor) -> float:
    """‖columns @ rows‖ without the product: ‖U V‖² is the sum of UᵀU ∘ V Vᵀ.

    columns: (D, r), rows: (r, C)
    """
    columns, rows = columns.double(), rows.double()
    square = float(((columns.T @ columns) * (rows @ rows.T)).sum())
    return math.sqrt(max(square, 0.0))
