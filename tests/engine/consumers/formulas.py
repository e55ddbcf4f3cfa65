"""Products that all consumers have in common."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Layer = Mapping[str, Tensor]  # one layer's tensors by what follows the layer's name


def low_rank(layer: Layer) -> Tensor:
    return layer["lora_up.weight"].flatten(1) @ layer["lora_down.weight"].flatten(1)


def hadamard(layer: Layer) -> Tensor:
    first = layer["hada_w1_a"] @ layer["hada_w1_b"]
    return first * (layer["hada_w2_a"] @ layer["hada_w2_b"])


def kronecker(layer: Layer, weight: Tensor) -> tuple[Tensor, int | None]:
    """w1 ⊗ w2 in the shape of W, and the rank of whatever has one."""
    rank = None
    factors = []
    for key in ("lokr_w1", "lokr_w2"):
        if key in layer:
            factors.append(layer[key])
        else:
            factors.append(layer[f"{key}_a"] @ layer[f"{key}_b"])
            rank = len(layer[f"{key}_b"])
    first, second = factors
    if weight.dim() == 4:
        second = second.reshape(len(second), -1, *weight.shape[2:])
        first = first[:, :, None, None]
    return torch.kron(first, second.contiguous()), rank


def column_norms(weight: Tensor) -> Tensor:
    """Of every input channel: (1, in) or (1, in, 1, 1)"""
    others = [axis for axis in range(weight.dim()) if axis != 1]
    return weight.square().sum(others, keepdim=True).sqrt()


def row_norms(weight: Tensor) -> Tensor:
    """Of every output channel: (out, 1) or (out, 1, 1, 1)"""
    return weight.square().sum(list(range(1, weight.dim())), keepdim=True).sqrt()
