"""How large a LoRA file will be, from the sizes of a model's layers alone. No torch here.

`data/layer_sizes.json` holds, for each family and for the practice model: part → rows of
(group, shape of the weight, how many such layers), group being "attn", "mlp" for the rest of the
transformers, or "conv" for what only a LoCon trains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import Final

from lorabake.engine.networks.checks import conv_shape, linear_shape, trains_convolutions
from lorabake.engine.networks.settings import NetworkSettings

BYTES: Final = {"fp16": 2, "bf16": 2, "float": 4}
_NAMED: Final = 140  # bytes of a tensor's entry in the header; measured on files of all kinds
_TOLD: Final = 12_000  # bytes of metadata that a bake writes, about

Shape = tuple[int, ...]


def file_mib(settings: NetworkSettings, family: str, precision: str = "fp16") -> float:
    """MiB of one file. family: "sdxl", "sd15" or "practice"; precision: as save_precision."""
    layers = list(_layers(settings, family))
    numbers = sum(
        count * (_parameters(settings, weight, rank) + 1) for weight, rank, count in layers
    )
    tensors = sum(count for _, _, count in layers) * (_tensors(settings) + 1)  # and its alpha
    return (numbers * BYTES[precision] + tensors * _NAMED + _TOLD) / 2**20


def parameter_count(settings: NetworkSettings, family: str) -> int:
    """How many numbers are trained."""
    return sum(
        count * _parameters(settings, weight, rank)
        for weight, rank, count in _layers(settings, family)
    )


def factorization(size: int, factor: int = -1) -> tuple[int, int]:
    """`size` as a product of two, the smaller one first: by `factor` where it divides, else as equal
    as possible with the first not above `factor` (-1: no limit).

    The rule of LyCORIS, so that files have the same shapes.
    """
    if factor > 0 and size % factor == 0:
        return min(factor, size // factor), max(factor, size // factor)
    most = size if factor < 0 else factor
    small, large = 1, size
    total = small + large
    while small < large:
        candidate = next(m for m in range(small + 1, size + 1) if size % m == 0)
        if candidate + size // candidate > total or candidate > most:
            break
        small, large = candidate, size // candidate
    return min(small, large), max(small, large)


@cache
def _sizes() -> dict[str, dict[str, list[tuple[str, Shape, int]]]]:
    path = Path(__file__).parents[1] / "data" / "layer_sizes.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    return {
        family: {
            part: [(group, tuple(shape), count) for group, shape, count in rows]
            for part, rows in parts.items()
        }
        for family, parts in told.items()
    }


def _layers(settings: NetworkSettings, family: str) -> Iterator[tuple[Shape, int, int]]:
    """Shape of the weight, rank, and how many of each kind of layer that is trained."""
    groups = {"attn"} if settings.target_layers == "attn" else {"attn", "mlp"}
    if trains_convolutions(settings):
        groups.add("conv")
    for part, rows in _sizes()[family].items():
        if not (settings.train_unet if part == "unet" else settings.train_text_encoder):
            continue
        for group, weight, count in rows:
            if group not in groups or (settings.type == "glora" and len(weight) > 2):
                continue
            wide = len(weight) > 2 and weight[2] > 1
            rank, _ = conv_shape(settings) if wide else linear_shape(settings)
            yield weight, rank, count


def _parameters(settings: NetworkSettings, weight: Shape, rank: int) -> int:
    """Numbers of one layer; the shapes are those of the layer classes beside this file."""
    out, into = weight[0], prod(weight[1:])
    if settings.type in ("lora", "locon"):
        lengths = (out if settings.wd_on_output else weight[1]) if settings.dora else 0
        return rank * (out + into) + lengths
    if settings.type == "loha":
        return 2 * rank * (out + into)
    if settings.type == "glora":
        return rank * (out + 3 * into)
    return _lokr(settings, weight, rank)


def _lokr(settings: NetworkSettings, weight: Shape, rank: int) -> int:
    (out_1, out_2), (in_1, in_2) = (factorization(side, settings.factor) for side in weight[:2])
    kernel = prod(weight[2:])
    halved = settings.decompose_both and rank < max(out_1, in_1) / 2
    first = rank * (out_1 + in_1) if halved else out_1 * in_1
    low = rank < max(out_2, in_2) / 2
    return first + (rank * (out_2 + in_2 * kernel) if low else out_2 * in_2 * kernel)


def _tensors(settings: NetworkSettings) -> int:
    """Of one layer, at most."""
    return {"loha": 4, "glora": 4, "lokr": 3}.get(settings.type, 3 if settings.dora else 2)
