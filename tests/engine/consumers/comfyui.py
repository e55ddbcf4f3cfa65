"""How ComfyUI merges a network (its weight adapters), written from a description of them.

Both layouts of a GLoRA, alpha / rank for every type. A DoRA by columns is as trained; one by rows is
divided by the norms of W instead of those of W + ΔW.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tests.engine.consumers.formulas import (
    Layer,
    column_norms,
    hadamard,
    kronecker,
    low_rank,
    row_norms,
)


def merged(layer: Layer, weight: Tensor, m: float) -> Tensor:
    """W′ of one layer at weight m."""
    delta, rank = _delta(layer, weight)
    scale = float(layer["alpha"]) / rank if rank and "alpha" in layer else 1.0
    delta = delta.reshape(weight.shape) * scale
    if "dora_scale" in layer:
        magnitude, whole = layer["dora_scale"], weight + delta
        by_row = magnitude.shape[0] == len(weight)
        norms = row_norms(weight) if by_row else column_norms(whole)
        delta = whole * (magnitude / (norms + torch.finfo(weight.dtype).eps)) - weight
    return weight + m * delta


def _delta(layer: Layer, weight: Tensor) -> tuple[Tensor, int | None]:
    if "lora_up.weight" in layer:
        return low_rank(layer), len(layer["lora_down.weight"])
    if "hada_w1_a" in layer:
        return hadamard(layer), len(layer["hada_w1_b"])
    if "a1.weight" in layer:
        return _glora(layer, weight)
    return kronecker(layer, weight)


def _glora(layer: Layer, weight: Tensor) -> tuple[Tensor, int]:
    a1, a2, b1, b2 = (layer[f"{key}.weight"].flatten(1) for key in ("a1", "a2", "b1", "b2"))
    old = a1.shape[0] == a2.shape[1] == b1.shape[0] == b2.shape[1]
    new = a1.shape[1] == a2.shape[0] == b1.shape[1] == b2.shape[0]
    if new and not (old and a2.shape[0] == weight.shape[0] == weight.shape[1]):
        return b1 @ b2 + (weight @ a1) @ a2, len(a2)
    return b2 @ b1 + (weight @ a2) @ a1, len(a1)
