"""The LoRA layers: peft's, with a forward pass made for training and grids.

peft casts the activations to the LoRA's fp32 and adds in another pass over the whole result.
Activations are large and LoRA weights are small, so here the weights are cast instead, the scale is
put on the narrow middle, and the second product adds in place. The same is used for a batch in
which every picture has a weight of its own.

Legend: B batch, T tokens, C channels in, D channels out, r rank, h w height and width.
"""

from __future__ import annotations

import math
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


class Strength:
    """How strongly the LoRA acts, shared by all layers of one part of the model.

    per_sample: None for full strength, one number for all, or a tensor with one weight per picture.
    spread: what a longer batch than there are weights means. "tile": the whole row again, as
    [uncond row, cond row]; "each": every picture's pieces side by side, as the 75-token chunks
    of a prompt are.
    """

    def __init__(self, spread: str = "tile") -> None:
        self.spread = spread
        self.weight: float | Tensor = 1.0
        self._cache: dict[tuple[int, torch.dtype], Tensor] = {}

    def set(self, weights: list[float] | None, device: torch.device | str = "cpu") -> None:
        self._cache.clear()
        if weights is None:
            self.weight = 1.0
        elif all(weight == weights[0] for weight in weights):
            self.weight = weights[0]
        else:
            self.weight = torch.tensor(weights, dtype=torch.float32, device=device)

    @property
    def off(self) -> bool:
        return isinstance(self.weight, float | int) and self.weight == 0

    def column(self, batch: int, dtype: torch.dtype) -> Tensor:
        """The weights for a batch of this length: (B,)."""
        assert isinstance(self.weight, Tensor)
        key = (batch, dtype)
        if key not in self._cache:
            times, rest = divmod(batch, len(self.weight))
            assert rest == 0, f"a batch of {batch} for {len(self.weight)} weights"
            spread = (
                self.weight.repeat(times)
                if self.spread == "tile"
                else self.weight.repeat_interleave(times)
            )
            self._cache[key] = spread.to(dtype)
        return self._cache[key]


class _Shared:
    """What the linear and the convolution layer have in common."""

    lora_A: nn.ModuleDict  # noqa: N815  (peft's name)
    lora_B: nn.ModuleDict  # noqa: N815
    lora_alpha: dict[str, float]
    scaling: dict[str, float]
    r: dict[str, int]
    strength: Strength

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

    def _narrow(self, middle: Tensor) -> Tensor:
        """The rank-wide middle (B, …) times alpha / rank and the weight of each picture."""
        weight = self.strength.weight
        if not isinstance(weight, Tensor):
            scale = self.scaling[NAME] * weight
            return middle if scale == 1 else middle * scale
        column = self.strength.column(len(middle), middle.dtype) * self.scaling[NAME]
        return middle * column.view(-1, *[1] * (middle.dim() - 1))


class LoraLinear(_Shared, peft_lora.Linear):
    """W x + weight · alpha / r · up (down x)"""

    def forward(self, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        if self.strength.off:
            base: Tensor = self.base_layer(x)
            return base
        # flat first, so that the in-place add below is on no view
        result: Tensor = self.base_layer(x.flatten(0, -2) if x.dim() > 2 else x)
        middle = self._narrow(F.linear(x, self.down.to(x.dtype)))
        dtype = result.dtype  # autocast may have made it narrower than x
        result.addmm_(
            middle.flatten(0, -2).to(dtype) if x.dim() > 2 else middle.to(dtype),
            self.up.t().to(dtype),
        )
        return result.view(*x.shape[:-1], -1)


class LoraConv2d(_Shared, peft_lora.Conv2d):
    """conv(x) + weight · alpha / r · up(down(x)), with the convolution's own stride and padding."""

    def forward(self, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        result: Tensor = self.base_layer(x)
        if self.strength.off:
            return result
        conv: Any = self.base_layer
        middle = F.conv2d(x, self.down.to(x.dtype), None, conv.stride, conv.padding, conv.dilation)
        return result.add_(F.conv2d(self._narrow(middle), self.up.to(middle.dtype)))


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
