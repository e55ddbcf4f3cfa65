"""The LoRA layers: peft's, with a forward pass made for training and grids.

peft casts the activations to the LoRA's fp32 and adds in another pass over the whole result.
Activations are large and LoRA weights are small, so here the weights are cast instead, the scale is
part of the second product, and that product adds in place.

Legend: B batch, T tokens, C channels in, D channels out, r rank, h w height and width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from peft import LoraConfig
from peft.tuners import lora as peft_lora
from torch import Tensor, nn

from lorabake.core.randomness import derive

NAME = "default"  # peft can hold several adapters in a layer; there is one here
# B is zero and A is drawn by `initialise`, so peft is told to leave both alone.
_CONFIG = LoraConfig(init_lora_weights=False)


@dataclass
class Strength:
    """The weight of the LoRA, shared by all layers of one part of the model."""

    weight: float = 1.0


class _Shared:
    """What the linear and the convolution layer have in common."""

    lora_A: nn.ModuleDict  # noqa: N815  (peft's name)
    lora_B: nn.ModuleDict  # noqa: N815
    lora_alpha: dict[str, float]
    scaling: dict[str, float]
    r: dict[str, int]
    strength: Strength
    shortcut: Callable[[Tensor], Tensor] | None = None  # while rendering: see shortcuts.py

    @property
    def down(self) -> nn.Parameter:
        """(r, C) or (r, C, k, k)"""
        weight: nn.Parameter = self.lora_A[NAME].weight  # type: ignore[assignment]
        return weight

    @property
    def up(self) -> nn.Parameter:
        """(D, r) or (D, r, 1, 1)"""
        weight: nn.Parameter = self.lora_B[NAME].weight  # type: ignore[assignment]
        return weight

    @property
    def rank(self) -> int:
        return self.r[NAME]

    @property
    def alpha(self) -> float:
        return self.lora_alpha[NAME]

    def set_alpha(self, alpha: float) -> None:
        self.lora_alpha[NAME] = alpha
        self.scaling[NAME] = alpha / self.rank

    def initialise(self, seed: int, name: str) -> None:
        """Kaiming-uniform down (a = √5), zero up: the first step is exactly the base model.

        Drawn from (seed, name) alone, so that a layer starts the same whatever else is trained.
        """
        bound = 1 / math.sqrt(self.down[0].numel())
        generator = torch.Generator().manual_seed(derive(seed, "lora", name))
        values = torch.empty(self.down.shape).uniform_(-bound, bound, generator=generator)
        with torch.no_grad():
            self.down.copy_(values)
            self.up.zero_()

    @property
    def scale(self) -> float:
        """What the LoRA counts now: weight · alpha / r."""
        return self.strength.weight * self.scaling[NAME]


class LoraLinear(_Shared, peft_lora.Linear):
    """W x + weight · alpha / r · up (down x)"""

    def forward(self, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        return self.compute(x) if self.shortcut is None else self.shortcut(x)

    def compute(self, x: Tensor) -> Tensor:
        # flat first, so that the in-place add below is on no view
        flat = x.flatten(0, -2) if x.dim() > 2 else x
        result: Tensor = self.base_layer(flat)
        if self.strength.weight:
            middle = F.linear(flat, self.down.to(x.dtype))
            dtype = result.dtype  # autocast may have made it narrower than x
            result.addmm_(middle.to(dtype), self.up.t().to(dtype), alpha=self.scale)
        return result.view(*x.shape[:-1], -1)


class LoraConv2d(_Shared, peft_lora.Conv2d):
    """conv(x) + weight · alpha / r · up(down(x)), with the convolution's own stride and padding."""

    def forward(self, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        return self.compute(x) if self.shortcut is None else self.shortcut(x)

    def compute(self, x: Tensor) -> Tensor:
        conv: Any = self.base_layer
        result: Tensor = conv(x)
        if not self.strength.weight:
            return result
        middle = F.conv2d(x, self.down.to(x.dtype), None, conv.stride, conv.padding, conv.dilation)
        # a 1×1 convolution is a product of matrices, and much quicker as one on a CPU
        up = self.up.flatten(1).to(result.dtype).expand(len(x), -1, -1)  # (B, D, r)
        narrow = middle.flatten(2).to(result.dtype)  # (B, r, h w)
        added = torch.baddbmm(result.flatten(2), up, narrow, alpha=self.scale)
        return added.view(result.shape)


LoraLayer = LoraLinear | LoraConv2d


def wrap(layer: nn.Module, rank: int, alpha: float, strength: Strength) -> LoraLayer:
    """A layer with an untrained LoRA of this rank around it, on the same device, in fp32."""
    kind = LoraLinear if isinstance(layer, nn.Linear) else LoraConv2d
    wrapped: LoraLayer = kind(layer, NAME, _CONFIG, r=rank)
    wrapped.set_alpha(alpha)
    wrapped.strength = strength
    layer.requires_grad_(False)
    wrapped.lora_A.to(torch.float32)
    wrapped.lora_B.to(torch.float32)
    return wrapped
