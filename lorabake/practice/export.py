"""Last stage of the build: the trained networks as a diffusers folder of fp16 safetensors."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .models import PARTS, SCHEDULER_CONFIG, TEXT_CONFIG, UNET_CONFIG, VAE_CONFIG
from .text import embeddings_of
from .train_text import new_text

logger = logging.getLogger(__name__)

CLASSES = {
    "unet": ("diffusers", "UNet2DConditionModel"),
    "text_encoder": ("transformers", "CLIPTextModel"),
    "text_encoder_2": ("transformers", "CLIPTextModelWithProjection"),
    "vae": ("diffusers", "AutoencoderKL"),
    "scheduler": ("diffusers", "EulerDiscreteScheduler"),
}


def export(cache: Path, folder: Path) -> int:
    """Writes the model of unet.pt and vae.pt; returns the bytes of its weights."""
    trained = torch.load(cache / "unet.pt", weights_only=True)
    vae = torch.load(cache / "vae.pt", weights_only=True)
    weights = {"unet": trained["unet"], "vae": vae, **_text_weights(trained["pair"])}
    return write_model(folder, weights)


def write_model(folder: Path, weights: dict[str, dict[str, Tensor]]) -> int:
    """The folder that any diffusers program can load."""
    from safetensors.torch import save_file

    total = 0
    for part in PARTS:
        home = folder / part
        home.mkdir(parents=True, exist_ok=True)
        is_text = part.startswith("text")
        file = home / ("model.safetensors" if is_text else "diffusion_pytorch_model.safetensors")
        half = {name: value.half().contiguous() for name, value in weights[part].items()}
        assert all(bool(value.isfinite().all()) for value in half.values()), part
        save_file(half, file, metadata={"format": "pt"})
        _write_json(home / "config.json", _config(part))
        total += file.stat().st_size
    scheduler = {"_class_name": CLASSES["scheduler"][1], **SCHEDULER_CONFIG}
    (folder / "scheduler").mkdir(exist_ok=True)
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": False}
    _write_json(folder / "model_index.json", {**index, **CLASSES})
    logger.info("exported %.2f MB to %s", total / 1e6, folder)
    return total


def _config(part: str) -> dict[str, Any]:
    if part in ("unet", "vae"):
        return {"_class_name": CLASSES[part][1], **(UNET_CONFIG if part == "unet" else VAE_CONFIG)}
    kind = {"architectures": [CLASSES[part][1]], "model_type": "clip_text_model"}
    activation = "quick_gelu" if part == "text_encoder" else "gelu"
    return {**kind, **TEXT_CONFIG, "hidden_act": activation}


def _text_weights(pair: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Both encoders with whole word tables, under the names that every SDXL folder uses."""
    from transformers import CLIPTextModel

    networks, _ = new_text()
    networks.load_state_dict(pair)
    result: dict[str, dict[str, Tensor]] = {}
    for part, encoder in (("text_encoder", networks.first), ("text_encoder_2", networks.second)):
        home = embeddings_of(encoder)
        table = home.token_embedding.table().detach()
        named = {
            name: value.detach()
            for name, value in encoder.state_dict().items()
            if "token_embedding" not in name and not name.endswith("position_ids")
        }
        bare = isinstance(encoder, CLIPTextModel) and not hasattr(encoder, "text_model")
        prefix = "text_model." if bare else ""
        named = {prefix + name: value for name, value in named.items()}
        named["text_model.embeddings.token_embedding.weight"] = table
        result[part] = named
    return result


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
