"""How AUTOMATIC1111's web UI merges a network (1.9 and later), written from a description of it.

W′ = W + m · f(scale · ΔW), scale = alpha / rank. For a GLoRA it has no rank and so no scale, and it
knows the old layout alone. A DoRA's norm is taken over columns whatever the shape of `dora_scale`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from tests.engine.consumers.formulas import Layer, column_norms, hadamard, kronecker, low_rank


def merged(layer: Layer, weight: Tensor, m: float) -> Tensor:
    """W′ of one layer at weight m; raises RuntimeError where the program does."""
    delta, rank = _delta(layer, weight)
    scale = float(layer["alpha"]) / rank if rank and "alpha" in layer else 1.0
    delta = delta.reshape(weight.shape) * scale
    if "dora_scale" in layer:
        whole = weight + delta
        delta = whole * (layer["dora_scale"] / column_norms(whole)) - weight
    return weight + m * delta


def _delta(layer: Mapping[str, Tensor], weight: Tensor) -> tuple[Tensor, int | None]:
    if "lora_up.weight" in layer:
        return low_rank(layer), len(layer["lora_down.weight"])
    if "hada_w1_a" in layer:
        return hadamard(layer), len(layer["hada_w1_b"])
    if "a1.weight" in layer:
        a1, a2, b1, b2 = (layer[f"{key}.weight"] for key in ("a1", "a2", "b1", "b2"))
        return b2 @ b1 + (weight @ a2) @ a1, None  # a convolution's W does not fit here
    return kronecker(layer, weight)
