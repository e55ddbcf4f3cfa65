"""Which class a kind of network layer is, and one layer of a file as that class reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from lorabake.core.errors import ModelFileError
from lorabake.engine.networks.dora_layers import DoraLayer
from lorabake.engine.networks.file_keys import DORA, GLORA, LOHA, LOKR, LORA, MAGNITUDE, kind_of
from lorabake.engine.networks.glora_layers import GloraLayer
from lorabake.engine.networks.layer import LayerSpec, NetworkLayer, Read, Shape
from lorabake.engine.networks.loha_layers import LohaLayer
from lorabake.engine.networks.lokr_layers import LokrLayer
from lorabake.engine.networks.lora_layers import LoraLayer
from lorabake.engine.networks.settings import NetworkSettings

LAYERS: dict[str, type[NetworkLayer]] = {
    LORA: LoraLayer,
    DORA: DoraLayer,
    LOHA: LohaLayer,
    LOKR: LokrLayer,
    GLORA: GloraLayer,
}


def kind_for(settings: NetworkSettings) -> str:
    """LoRA and LoCon are one kind of layer, on other layers of the model; DoRA is another."""
    if settings.type in ("lora", "locon"):
        return DORA if settings.dora else LORA
    return settings.type


def spec_for(settings: NetworkSettings, weight: Shape, rank: int, alpha: float) -> LayerSpec:
    """An untrained layer around a weight of this shape."""
    kind = kind_for(settings)
    shapes: Mapping[str, Shape]
    if kind == LORA:
        shapes = LoraLayer.plan(weight, rank)
    elif kind == DORA:
        shapes = DoraLayer.plan(weight, rank, settings.wd_on_output)
    elif kind == LOHA:
        shapes = LohaLayer.plan(weight, rank)
    elif kind == LOKR:
        shapes = LokrLayer.plan(weight, rank, settings.factor, settings.decompose_both)
    else:
        shapes = GloraLayer.plan(weight, rank)
    return LayerSpec(kind, rank, alpha, shapes)


def spec_of(kind: str, read: Read) -> LayerSpec:
    """A layer like one in a file."""
    shapes = {key: tuple(tensor.shape) for key, tensor in read.values.items()}
    return LayerSpec(kind, read.rank, read.alpha, shapes)


def read_layer(name: str, tensors: Mapping[str, Tensor], weight: Shape) -> tuple[str, Read]:
    """Kind and parameters of one layer of a file; raises ModelFileError when they do not fit W."""
    kind = kind_of(name, tensors)
    for key, tensor in tensors.items():
        least = 0 if key == "alpha" else 1 if key == MAGNITUDE else 2
        if tensor.dim() < least or tensor.numel() == 0 or not tensor.is_floating_point():
            raise ModelFileError(f"{name}.{key} is no matrix of weights. Get the file again.")
    if "alpha" in tensors and (
        tensors["alpha"].numel() > 1 or not math.isfinite(float(tensors["alpha"]))
    ):
        raise ModelFileError(f"{name}.alpha is not a number. Get the file again.")
    return kind, LAYERS[kind].read(tensors, weight, name)
