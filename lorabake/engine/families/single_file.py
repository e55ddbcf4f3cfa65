"""A model as one file in LDM or SGM layout, as NAI, Pony and Illustrious are handed around."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from lorabake.engine.families import sgm_names as names
from lorabake.engine.families.weights import Source

Config = Mapping[str, Any]


def sources(
    part: str,
    config: Config,
    keys: Iterable[str],
    *,
    family: str = "sdxl",
    available: Container[str] = (),
) -> dict[str, Source]:
    """The file's tensor for each weight of a part, and what to do with it.

    available: the file's tensors, for names that have more than one spelling.
    """
    if part == "unet":
        return _renamed(names.unet_modules(config), names.UNET_PREFIX, keys)
    if part == "vae":
        return vae_sources(config, keys, names.VAE_PREFIX)
    if part == "text_encoder_2":
        return {key: _open_clip_source(key.removeprefix("text_model.")) for key in keys}
    prefixes = names.LDM_TEXT_PREFIXES if family == "sd15" else (names.TEXT_ENCODER_PREFIX,)
    return {
        key: (_spelled(key.removeprefix("text_model."), prefixes, available), None) for key in keys
    }


def _spelled(weight: str, prefixes: tuple[str, ...], available: Container[str]) -> str:
    """The weight's name in the file; the usual spelling where it is missing."""
    spellings = [prefix + weight for prefix in prefixes]
    return next((name for name in spellings if name in available), spellings[0])


def vae_sources(config: Config, keys: Iterable[str], prefix: str) -> dict[str, Source]:
    """As `sources`, for a VAE whose names begin with `prefix`."""
    plain = _renamed(names.vae_modules(config), prefix, keys)
    return {
        key: (name, _pixelwise_to_linear if ".attentions." in key else None)
        for key, (name, _) in plain.items()
    }


def _renamed(modules: Mapping[str, str], prefix: str, keys: Iterable[str]) -> dict[str, Source]:
    made: dict[str, Source] = {}
    for key in keys:
        module, _, kind = key.rpartition(".")
        made[key] = (f"{prefix}{modules[module]}.{kind}", None)
    return made


def _open_clip_source(weight: str) -> Source:
    name = names.TEXT_ENCODER_2_PREFIX + names.open_clip_name(weight)
    if weight == "text_projection.weight":
        return name, _transposed
    for index, part in enumerate(("q_proj", "k_proj", "v_proj")):
        if f".{part}." in weight:
            return name, partial(_third, index=index)
    return name, None


def _pixelwise_to_linear(tensor: Tensor) -> Tensor:
    """A 1x1 convolution is a linear layer; older VAEs keep the two sides of length 1."""
    return tensor.flatten(1) if tensor.ndim == 4 else tensor


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.t()


def _third(tensor: Tensor, index: int) -> Tensor:
    """Queries, keys and values lie in one tensor, in this order."""
    return tensor.chunk(3)[index]
