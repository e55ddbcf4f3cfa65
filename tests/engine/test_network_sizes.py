"""The size of a file is known before there is one: the shipped table is that of the real models."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.engine.families.shapes import shipped_config
from lorabake.engine.networks.attaching import plan_for
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.networks.sizes import file_mib, parameter_count

PRACTICE = Path(__file__).parents[2] / "lorabake" / "practice" / "model"
SETTINGS = [
    {},
    {"train_text_encoder": False, "target_layers": "attn"},
    {"type": "locon", "conv_dim": 4, "dora": True},
    {"type": "locon", "dora": True, "wd_on_output": True},
    {"type": "loha", "target_layers": "full"},
    {"type": "lokr", "conv_dim": 4},
    {"type": "lokr", "factor": 8, "decompose_both": True, "network_dim": 2},
    {"type": "glora"},
]


class Skeleton:
    """A model without weights: the shapes are all that a plan asks for."""

    def __init__(self, name: str) -> None:
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

        self.family = "sd15" if name == "sd15" else "sdxl"
        self.parts: dict[str, Any] = {}
        with torch.device("meta"):
            self.unet = UNet2DConditionModel.from_config(self.config(name, "unet"))
            config = CLIPTextConfig(**self.config(name, "text_encoder"))
            self.text_encoder = CLIPTextModel(config)
            if self.family == "sdxl":
                config = CLIPTextConfig(**self.config(name, "text_encoder_2"))
                self.text_encoder_2 = CLIPTextModelWithProjection(config)

    def config(self, name: str, part: str) -> dict[str, Any]:
        if name == "practice":
            found: dict[str, Any] = json.loads((PRACTICE / part / "config.json").read_text("utf-8"))
            return found
        return shipped_config(part, self.family)

    def has(self, part: str) -> bool:
        return hasattr(self, part)


@pytest.mark.parametrize("name", ["sd15", "sdxl", "practice"])
def test_what_is_trained_is_counted_without_the_model(name: str) -> None:
    model = Skeleton(name)
    for changes in SETTINGS:
        settings = NetworkSettings(**changes)  # type: ignore[arg-type]
        plan = plan_for(model, settings)
        numbers = sum(prod(shape) for spec in plan.values() for shape in spec.shapes.values())
        assert parameter_count(settings, name) == numbers, changes


def test_a_file_is_as_large_as_its_numbers() -> None:
    """The guide's LoRAs: 8/4 for SDXL with its text encoders, 16/8 for NAI 1.5."""
    sdxl = file_mib(NetworkSettings(), "sdxl")
    assert 50 < sdxl < 60
    assert file_mib(NetworkSettings(), "sdxl", "float") == pytest.approx(2 * sdxl, rel=0.02)
    assert 17 < file_mib(NetworkSettings(network_dim=16), "sd15") < 20
