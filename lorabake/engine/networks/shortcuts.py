"""Quicker ways through LoRA layers while pictures are rendered and nothing is trained.

A row of a grid is one batch in which every picture has a weight of its own. All ways give what a
layer's `compute` gives for each picture alone; which one is quickest was measured.

N weights in a row, B = k N pictures in a batch ([uncond row, cond row]: k = 2), T tokens,
C channels in, D channels out, r rank
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lorabake.engine.networks.layer import NetworkLayer
from lorabake.engine.networks.lora_layers import LowRankLayer

MOST_MERGED = 2**28  # bytes of merged copies for a whole row; a larger model has no room for them
LARGE_MAP = 256  # pixels from which groups of merged weights beat three convolutions

Shortcut = Callable[[Tensor], Tensor]


class Remembered:
    """The last answers, for layers that hear the same prompts at every step: one, or two in turn."""

    def __init__(self, compute: Shortcut) -> None:
        self.compute = compute
        # held on to, so that no other tensor can take its place in memory
        self.answers: deque[tuple[Tensor, Tensor]] = deque(maxlen=2)

    def __call__(self, x: Tensor) -> Tensor:
        for heard, said in self.answers:
            if heard is x:
                return said
        said = self.compute(x)
        self.answers.append((x, said))
        return said


class Merged:
    """One weight for all: (W + weight · (W′ − W)) x."""

    def __init__(self, layer: NetworkLayer, weight: float) -> None:
        self.base: Any = layer.base_layer
        self.weight = _merged(layer, [weight])[0]

    def __call__(self, x: Tensor) -> Tensor:
        base = self.base
        if isinstance(base, nn.Linear):
            return F.linear(x, self.weight, base.bias)
        return F.conv2d(x, self.weight, base.bias, base.stride, base.padding, base.dilation)


class Row:
    """W x + (weight · alpha / r · up) (down x), with an `up` for each picture."""

    def __init__(self, layer: LowRankLayer, weights: Sequence[float]) -> None:
        assert layer.settled is not None
        self.base: Any = layer.base_layer
        self.down, up = layer.settled
        scales = torch.tensor(weights, device=self.down.device) * layer.scaling
        self.ups = (scales.view(-1, 1, 1) * up.flatten(1).float()).to(self.down.dtype)  # (N, D, r)

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = self.base(x)
        ups = self._for(len(x))
        if isinstance(self.base, nn.Linear):
            # (B, T, D); what comes without tokens (the embedded time) gets one
            tokens, wide = (x, result) if x.dim() == 3 else (x.unsqueeze(1), result.unsqueeze(1))
            wide.baddbmm_(F.linear(tokens, self.down), ups.transpose(1, 2))
            return result
        base = self.base
        middle = F.conv2d(x, self.down, None, base.stride, base.padding, base.dilation)
        return result.flatten(2).baddbmm_(ups, middle.flatten(2)).view_as(result)

    def _for(self, batch: int) -> Tensor:
        """An `up` for each picture, the row once more for each part of the batch: (B, D, r)."""
        if len(self.ups) < batch:
            assert batch % len(self.ups) == 0, f"a batch of {batch} for {len(self.ups)} weights"
            self.ups = self.ups.repeat(batch // len(self.ups), 1, 1)
        return self.ups


class Through:
    """base(x) + weight · added(x) for networks of other kinds, with a weight for each picture."""

    def __init__(self, layer: NetworkLayer, weights: Sequence[float]) -> None:
        self.layer = layer
        self.weights = torch.tensor(weights, device=layer.weight.device)

    def __call__(self, x: Tensor) -> Tensor:
        assert len(x) % len(self.weights) == 0, f"{len(x)} for {len(self.weights)} weights"
        weights = self.weights.repeat(len(x) // len(self.weights))
        base: Tensor = self.layer.base_layer(x)
        shape = (-1, *[1] * (base.dim() - 1))
        return torch.addcmul(base, self.layer.added(x), weights.view(shape).to(base.dtype))


class MergedConvRow:
    """A convolution merged with each weight; the pictures of a row become groups of one picture.

    Small maps, whose groups would be too small to be quick, are left to `otherwise`.
    """

    def __init__(self, layer: NetworkLayer, weights: Sequence[float], otherwise: Shortcut) -> None:
        self.base: Any = layer.base_layer
        self.otherwise = otherwise
        self.count = len(weights)
        self.weight = _merged(layer, weights).flatten(0, 1)  # (N D, C, k, k)
        bias = self.base.bias
        self.bias = None if bias is None else bias.repeat(self.count)

    def __call__(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        if height * width < LARGE_MAP:
            return self.otherwise(x)
        base = self.base
        rows = x.reshape(batch // self.count, self.count * channels, height, width)
        result = F.conv2d(
            rows, self.weight, self.bias, base.stride, base.padding, base.dilation, self.count
        )
        return result.view(batch, -1, *result.shape[2:])


def shortcut_for(
    layer: NetworkLayer, weights: Sequence[float], *, merge: bool, usual: float
) -> Shortcut | None:
    """The quickest way through a layer for a row of these weights; None: its usual one.

    usual: the weight that it has there.
    """
    if not any(weights):
        return layer.base_layer.__call__ if usual else None  # no module of the layer's own
    if len(set(weights)) == 1:
        if merge:
            return Merged(layer, weights[0])
        if weights[0] == usual:
            return None
    low_rank = isinstance(layer, LowRankLayer) and layer.settled is not None
    row: Shortcut = Row(layer, weights) if low_rank else Through(layer, weights)  # type: ignore[arg-type]
    if merge and not layer.linear and layer.weight.shape[-1] > 1:
        return MergedConvRow(layer, weights, row)
    return row


def worth_merging(layers: Sequence[NetworkLayer], weights: int) -> bool:
    """Whether merged copies are small. In half precision they would round the LoRA away."""
    bases: list[Any] = [layer.base_layer for layer in layers]
    if any(base.weight.dtype != torch.float32 for base in bases):
        return False
    return sum(base.weight.nbytes for base in bases) * weights <= MOST_MERGED


def _merged(layer: NetworkLayer, weights: Sequence[float]) -> Tensor:
    """(N, *W.shape)"""
    delta = layer.delta()
    strengths = torch.tensor(weights, dtype=delta.dtype, device=delta.device)
    merged: Tensor = layer.weight + strengths.view(-1, *[1] * delta.dim()) * delta
    return merged
