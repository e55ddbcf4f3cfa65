"""DoRA layers: W′ = magnitude · (W + ΔW) / ‖W + ΔW‖ (Liu et al., arXiv 2402.09353), ΔW being a LoRA's.

The norm is taken of each column by default (`dora_scale` of shape (1, C)): the only files that every
web UI renders as trained. `wd_on_output` takes it of each row (D, 1), as the paper does. Gradients
flow through the norm, as in LyCORIS; the paper and peft hold it fixed.

No W′ is ever made here. With g = magnitude / ‖W + ΔW‖ a column's W′ x is (W + ΔW)(g ∘ x), and the
norms follow from ‖w + s·u·d‖² = ‖w‖² + 2 s wᵀ(u·d) + s² ‖u·d‖², whose last terms have rank r.

At other weights than 1: W + weight · (W′ − W), which is what all web UIs render.

Legend: B batch, C channels in, D channels out, r rank, p numbers of a kernel (1 if linear)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from lorabake.engine.networks.file_keys import MAGNITUDE
from lorabake.engine.networks.layer import LayerSpec, PartState, Shape, autocast_off
from lorabake.engine.networks.lora_layers import LoraLayer

BLOCK = 2**18  # numbers: 1 MiB in fp32
TINY = 1e-12  # below any norm²; a column of zeros stays zero instead of becoming infinite


class DoraLayer(LoraLayer):
    """base(x) + weight · (W′ − W) x"""

    FILE_NAMES: ClassVar[Mapping[str, str]] = {**LoraLayer.FILE_NAMES, "magnitude": MAGNITUDE}

    magnitude: nn.Parameter
    settled_gain: Tensor | None = None

    def __init__(self, base_layer: nn.Module, spec: LayerSpec, part: PartState, name: str) -> None:
        super().__init__(base_layer, spec, part, name)
        self.by_row = self.magnitude.shape[0] != 1
        flat = self.weight.detach().flatten(1)
        squares = squared_norms(flat, 1) if self.by_row else self._columns(squared_norms(flat, 0))
        self.register_buffer("squares", squares, persistent=False)  # ‖w‖² of each column or row

    @staticmethod
    def plan(weight: Shape, rank: int, by_row: bool = False) -> dict[str, Shape]:
        ones = [1] * (len(weight) - 2)
        magnitude = (weight[0], 1, *ones) if by_row else (1, weight[1], *ones)
        return {**LoraLayer.plan(weight, rank), "magnitude": magnitude}

    @classmethod
    def shapes_of(cls, values: Mapping[str, Tensor], weight: Shape, rank: int) -> dict[str, Shape]:
        magnitude = values["magnitude"]
        by_row = magnitude.shape[0] != 1
        return cls.plan(weight, rank, by_row)

    def initialise(self, seed: int) -> None:
        super().initialise(seed)
        with torch.no_grad():
            self.magnitude.copy_(self._norm(self._squares()).view_as(self.magnitude))

    def gain(self) -> Tensor:
        """magnitude / ‖W + ΔW‖ of each column (C,) or row (D,), in fp32."""
        if self.settled_gain is not None:
            return self.settled_gain
        with autocast_off(self.weight.device):
            square = self._squares() + self._change(*self._masked())
            return self.magnitude.flatten() / self._norm(square)

    def _squares(self) -> Tensor:
        return self.get_buffer("squares")

    @staticmethod
    def _norm(square: Tensor) -> Tensor:
        return square.clamp(min=TINY).sqrt()

    def _change(self, down: Tensor, up: Tensor) -> Tensor:
        """‖W + ΔW‖² − ‖W‖² of each column or row."""
        weight, s = self.weight.flatten(1), self.scaling
        down, up = down.flatten(1), up.flatten(1)
        if self.by_row:
            cross = (weight @ down.t().to(weight.dtype)).float()  # (D, r)
            return (up * (2 * s * cross + s * s * (up @ (down @ down.t())))).sum(1)
        cross = (up.t().to(weight.dtype) @ weight).float()  # (r, C p)
        return self._columns((down * (2 * s * cross + s * s * (up.t() @ up) @ down)).sum(0))

    def _columns(self, each: Tensor) -> Tensor:
        """Sums of a kernel's numbers: (C p,) -> (C,)"""
        return each.view(self.weight.shape[1], -1).sum(1)

    def _masked(self) -> tuple[Tensor, Tensor]:
        """down and up, without the rows that are dropped in this batch."""
        mask = self.row_mask()
        if mask is None:
            return self.down, self.up
        return self.down, self.up * mask.view(-1, *[1] * (self.up.dim() - 1))

    def compute(self, x: Tensor) -> Tensor:
        if not self.acts:
            result: Tensor = self.base_layer(x)
            return result
        weight, gain = self.part.weight, self.gain()
        change = weight * (gain - 1)
        return self._with_lora(self._scaled(x, change), x, gain, weight)

    def _scaled(self, x: Tensor, change: Tensor) -> Tensor:
        """The base layer with W's columns or rows times 1 + change, the bias as it is."""
        base = self.base_layer
        if not self.by_row:
            result: Tensor = ScaledColumns.apply(x, change, self)
            return result
        plain: Tensor = base(x)
        product = plain if base.bias is None else plain - self._along(base.bias).to(plain.dtype)
        return torch.addcmul(plain, product, self._along(change).to(plain.dtype))

    def _with_lora(self, result: Tensor, x: Tensor, gain: Tensor, weight: float) -> Tensor:
        """Adds weight · g ∘ scaling · up (down x), or · up (down (g ∘ x))."""
        down, up = self._masked()
        if self.by_row:
            up = up * gain.view(-1, *[1] * (up.dim() - 1))
        else:
            down = down * gain.view(1, -1, *[1] * (down.dim() - 2))
        scale = weight * self.scaling
        middle = self.convolve(x, down.to(x.dtype)).to(result.dtype)
        up = up.flatten(1).to(result.dtype)
        if self.linear:
            flat = result.view(-1, result.shape[-1])
            return torch.addmm(flat, middle.view(len(flat), -1), up.t(), alpha=scale).view(
                result.shape
            )
        wide = up.expand(len(x), -1, -1)
        return torch.baddbmm(result.flatten(2), wide, middle.flatten(2), alpha=scale).view(
            result.shape
        )

    def added(self, x: Tensor) -> Tensor:
        """(W′ − W) x"""
        gain = self.gain()
        change = (gain - 1).to(x.dtype)
        weight = self.base_layer.weight
        if self.by_row:
            product = self.convolve(x, weight)
            product = product * self._along(change).to(product.dtype)
        else:
            product = self.convolve(x * self._along(change), weight)
        return self._with_lora(product, x, gain, 1.0)

    def _along(self, each: Tensor) -> Tensor:
        """A number of each channel, in the shape of activations."""
        return each if self.linear else each.view(-1, 1, 1)

    def delta(self) -> Tensor:
        with torch.no_grad():
            weight = self.weight.float()
            gain = self.gain()
            across = gain.view(-1, 1) if self.by_row else gain.view(1, -1)
            across = across.view(*across.shape, *[1] * (weight.dim() - 2))
            return (weight + super().delta()) * across - weight

    def settle(self) -> None:
        self.settled_gain = None
        with torch.no_grad():
            self.settled_gain = self.gain()


class ScaledColumns(torch.autograd.Function):
    """W ((1 + change) ∘ x) + bias, change: of each input channel (C,).

    In half precision (1 + change) ∘ x would round small changes away, so there W x and W (change ∘ x)
    are computed apart. Keeps nothing but x, and goes back through W once for both.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, change: Tensor, layer: DoraLayer) -> Tensor:
        base = layer.base_layer
        ctx.save_for_backward(x, change)
        ctx.layer = layer
        along = layer._along(change)
        if x.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type):
            return layer.convolve(x * (1 + along), base.weight, base.bias)
        result: Tensor = base(x)
        return result + layer.convolve((x * along).to(x.dtype), base.weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, change = ctx.saved_tensors
        layer, gradient = ctx.layer, gradients[0]
        weight = layer.base_layer.weight.to(gradient.dtype)
        if layer.linear:
            back = gradient @ weight
        else:
            base = layer.base_layer
            back = conv2d_input(x.shape, weight, gradient, base.stride, base.padding, base.dilation)
        to_x = (back * (1 + layer._along(change))).to(x.dtype) if ctx.needs_input_grad[0] else None
        others = [axis for axis in range(x.dim()) if axis != (x.dim() - 1 if layer.linear else 1)]
        to_change = (x.float() * back.float()).sum(others) if ctx.needs_input_grad[1] else None
        return to_x, to_change, None


def squared_norms(matrix: Tensor, axis: int) -> Tensor:
    """‖·‖² in fp32 of each row (axis 1) or column (0), by blocks of rows that fit a processor's
    cache: many times quicker than at once, and without an fp32 copy of a large matrix."""
    blocks = matrix.split(max(BLOCK // matrix.shape[1], 1))
    sums = [block.float().square().sum(axis) for block in blocks]
    return torch.stack(sums).sum(0) if axis == 0 else torch.cat(sums)
