"""Building SDXL's networks and filling them from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lorabake.core.errors import ModelFileError
from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families.folder import part_config, part_files, plain_sources
from lorabake.engine.families.model import Model
from lorabake.engine.families.weights import TensorFile, empty, fill

Config = Mapping[str, Any]
CONFIGS = ("unet", "text_encoder", "text_encoder_2", "vae", "scheduler")


def load(
    base: Path,
    vae: Path | None,
    *,
    device: str | torch.device,
    dtype: torch.dtype | None,
    vae_dtype: torch.dtype | None,
    parts: tuple[str, ...],
) -> Model:
    """See `lorabake.engine.families.sdxl.load_model`."""
    configs = {name: part_config(base, name) for name in CONFIGS}
    networks: dict[str, nn.Module] = {}
    for name in parts:
        files = [TensorFile(path) for path in part_files(base / name)]
        wanted = (vae_dtype if name == "vae" else dtype) or torch.float32
        network = _build(name, configs[name])
        available = {key: None for file in files for key in file.header.tensors}
        sources = plain_sources(network.state_dict(), available)
        networks[name] = fill(
            network,
            files,
            {key: (source, None) for key, source in sources.items()},
            device=device,
            dtype=wanted,
        )
    return Model(
        parts=networks,
        configs=configs,
        tokenizer=tokenizer_l(),
        tokenizer_2=tokenizer_g(),
        scheduler_config=configs["scheduler"],
        base_path=base,
        device=torch.device(device),
        dtype=dtype or torch.float32,
    )


def _build(part: str, config: Config) -> nn.Module:
    """A network of one part, without memory for its weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    makers: dict[str, Callable[[], Any]] = {
        "unet": lambda: UNet2DConditionModel.from_config(dict(config)),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**config)),
        "text_encoder_2": lambda: CLIPTextModelWithProjection(CLIPTextConfig(**config)),
        "vae": lambda: AutoencoderKL.from_config(dict(config)),
    }
    try:
        return empty(makers[part])
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, IndexError) as error:
        raise ModelFileError(
            f"The model's {part} has settings that do not make a network ({str(error)[:120]}). "
            "Get another copy of this model."
        ) from error
