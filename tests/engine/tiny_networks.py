"""Tiny models with networks on them, for the tests of networks."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lorabake.engine.families.model import Model
from lorabake.engine.networks import NetworkSettings, attach
from lorabake.engine.networks.network import LayeredNetwork
from tests.tiny import TINY_SD15, TINY_SDXL, tiny_modules

CONFIGS = {"sdxl": TINY_SDXL, "sd15": TINY_SD15}

# Every kind of network, and what else decides how its file looks.
NETWORKS: dict[str, dict[str, Any]] = {
    "lora": {"type": "lora"},
    "locon": {"type": "locon", "conv_dim": 3, "conv_alpha": 1},
    "dora": {"type": "lora", "dora": True},
    "dora locon": {"type": "locon", "dora": True, "conv_dim": 3, "conv_alpha": 1},
    "dora by rows": {"type": "lora", "dora": True, "wd_on_output": True},
    "loha": {"type": "loha", "conv_dim": 2},
    "lokr": {"type": "lokr", "network_dim": 1, "conv_dim": 1},
    "lokr both": {"type": "lokr", "network_dim": 1, "decompose_both": True},
    "lokr whole": {"type": "lokr", "network_dim": 64},
    "glora": {"type": "glora"},
}


@cache
def _parts(family: str) -> dict[str, Any]:
    return tiny_modules(family=family)


def tiny_model(family: str = "sdxl") -> Any:
    return Model(
        parts=copy.deepcopy(_parts(family)),
        configs=CONFIGS[family],
        tokenizer=None,  # type: ignore[arg-type]
        tokenizer_2=None,  # type: ignore[arg-type]
        scheduler_config=TINY_SDXL["scheduler"],
        base_path=Path("tiny"),
        device=torch.device("cpu"),
        dtype=torch.float32,
        family=family,
    )


def settings(kind: str = "lora", **changes: Any) -> NetworkSettings:
    return NetworkSettings(**{"network_dim": 4, "network_alpha": 2, **NETWORKS[kind], **changes})


def moved(network: LayeredNetwork, seed: int = 5) -> LayeredNetwork:
    """As after some training: every parameter moved."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network


@cache
def file_of(kind: str, family: str = "sdxl", seed: int = 5, **changes: Any) -> dict[str, Tensor]:
    network = moved(attach(tiny_model(family), settings(kind, **changes)), seed)
    return network.file_state(torch.float32)


def unet_input(batch: int, family: str = "sdxl", seed: int = 0) -> dict[str, Any]:
    """The same picture `batch` times."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(1, *shape, generator=generator).expand(batch, *shape)

    width = CONFIGS[family]["unet"]["cross_attention_dim"]
    given: dict[str, Any] = {
        "sample": draw(4, 8, 8),
        "timestep": torch.full((batch,), 400),
        "encoder_hidden_states": draw(77, width),
    }
    if family == "sdxl":
        given["added_cond_kwargs"] = {
            "text_embeds": draw(16),
            "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]]).expand(batch, 6),
        }
    return given


def render(model: Any, batch: int = 1) -> Tensor:
    """What the U-Net says: (B, 4, 8, 8)"""
    with torch.inference_mode():
        result: Tensor = model.unet(**unet_input(batch, model.family)).sample
    return result


def answers(model: Any) -> list[Tensor]:
    """What the U-Net and each text encoder say."""
    ids = torch.tensor([[49406, 5, 6, 7] + [49407] * 73])
    said = [render(model, 2)]
    with torch.inference_mode():
        for part in ("text_encoder", "text_encoder_2"):
            if model.has(part):
                said.append(getattr(model, part)(ids).last_hidden_state)
    return said
