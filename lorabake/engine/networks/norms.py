"""How far each layer of a file moves the model, from the file alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lorabake.engine.networks.file_keys import (
    DORA,
    GLORA,
    LOHA,
    LOKR,
    LORA,
    glora_is_old,
    kind_of,
    layers_of,
    weighty,
)

if TYPE_CHECKING:
    from torch import Tensor


def delta_norms(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """‖ΔW‖ of each layer at weight 1, without making ΔW.

    Of a DoRA that of its LoRA, before lengths are put right. Of a GLoRA √(‖A‖² + ‖B‖²) of
    ΔW = W A + B: the file does not hold W.
    """
    return {
        name: NORMS[kind_of(name, layer)](layer)
        for name, layer in weighty(layers_of(tensors)).items()
    }


def rank_of(layer: Mapping[str, Tensor]) -> int | None:
    """Of one layer's tensors; None for a LoKr of whole factors."""
    for key in ("lora_down.weight", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"):
        if key in layer:
            return len(layer[key])
    if "a1.weight" in layer:
        return min(layer["a1.weight"].shape[:2])
    return None


def is_wide(layer: Mapping[str, Tensor]) -> bool:
    """True for a convolution wider than one pixel, as far as a file tells."""
    return any(tensor.dim() == 4 and tensor.shape[-1] > 1 for tensor in layer.values())


def _scale(layer: Mapping[str, Tensor], rank: int) -> float:
    alpha = float(layer["alpha"]) if "alpha" in layer else 0.0
    return abs((alpha or rank) / rank)


def _lora(layer: Mapping[str, Tensor]) -> float:
    from lorabake.engine.networks.lora_layers import product_norm

    down, up = layer["lora_down.weight"], layer["lora_up.weight"]
    return _scale(layer, len(down)) * product_norm(up.flatten(1), down.flatten(1))


def _loha(layer: Mapping[str, Tensor]) -> float:
    from lorabake.engine.networks.loha_layers import loha_norm

    factors = [layer[f"hada_{key}"].flatten(1) for key in ("w1_a", "w1_b", "w2_a", "w2_b")]
    return _scale(layer, len(factors[1])) * loha_norm(*factors)


def _lokr(layer: Mapping[str, Tensor]) -> float:
    from lorabake.engine.networks.lokr_layers import lokr_norm

    rank = rank_of(layer)
    values = {key.removeprefix("lokr_"): tensor for key, tensor in layer.items()}
    return lokr_norm(values) * (_scale(layer, rank) if rank else 1.0)


def _glora(layer: Mapping[str, Tensor]) -> float:
    from lorabake.engine.networks.lora_layers import product_norm

    a1, a2, b1, b2 = (layer[f"{key}.weight"].flatten(1) for key in ("a1", "a2", "b1", "b2"))
    if not glora_is_old(tuple(a1.shape), tuple(a2.shape), tuple(b1.shape)):
        a1, a2, b1, b2 = a2, a1, b2, b1
    return _scale(layer, len(a1)) * math.hypot(product_norm(a2, a1), product_norm(b2, b1))


NORMS: dict[str, Callable[[Mapping[str, Tensor]], float]] = {
    LORA: _lora,
    DORA: _lora,
    LOHA: _loha,
    LOKR: _lokr,
    GLORA: _glora,
}
