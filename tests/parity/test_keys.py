"""Names, shapes and sizes of LoRA files for full-size SD 1.5 and SDXL, as the guide's trainer writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lorabake.engine.families import shapes
from lorabake.engine.families.family import FAMILIES
from lorabake.engine.families.loading import _build
from lorabake.engine.networks.targets import Target, find_targets, part_of

MODELS: dict[str, Any] = {}


def full_size(family: str) -> Any:
    """A model of the real size, without memory behind it; what `find_targets` looks at."""
    if family not in MODELS:
        parts = FAMILIES[family].parts
        made = {part: _build(part, shapes.shipped_config(part, family)) for part in parts}
        MODELS[family] = SimpleNamespace(family=family, has=made.__contains__, **made)
    return MODELS[family]


def layer_of(model: Any, target: Target) -> Any:
    module = part_of(model, target.part)
    assert module is not None
    return module.get_submodule(target.path)


def per_rank(model: Any, part: str) -> int:
    """Parameters of a linear LoRA of rank 1 on a part: inputs plus outputs of every layer."""
    total = 0
    for target in find_targets(model, parts=(part,)):
        out, into = layer_of(model, target).weight.shape[:2]
        total += out + into
    return total


@pytest.mark.parametrize(
    ("family", "part", "conv", "layers"),
    [
        ("sd15", "unet", False, 192),
        ("sd15", "unet", True, 278),
        ("sd15", "text_encoder_1", False, 72),
        ("sd15", "text_encoder_2", False, 0),
        ("sdxl", "unet", False, 722),
        ("sdxl", "unet", True, 788),
        ("sdxl", "text_encoder_1", False, 72),
        ("sdxl", "text_encoder_2", False, 192),
    ],
)
def test_number_of_layers(family: str, part: str, conv: bool, layers: int) -> None:
    found = find_targets(full_size(family), parts=(part,), conv=conv)
    assert len(found) == len({target.name for target in found}) == layers


@pytest.mark.parametrize(
    ("family", "part", "parameters"),
    [
        ("sd15", "unet", 423_936),
        ("sd15", "text_encoder_1", 165_888),
        ("sdxl", "unet", 2_659_840),
        ("sdxl", "text_encoder_1", 165_888),
        ("sdxl", "text_encoder_2", 737_280),
    ],
)
def test_parameters_per_rank(family: str, part: str, parameters: int) -> None:
    assert per_rank(full_size(family), part) == parameters


@pytest.mark.parametrize(("family", "dim", "megabytes"), [("sd15", 16, 18.9), ("sdxl", 8, 57.0)])
def test_size_of_the_guides_files(family: str, dim: int, megabytes: float) -> None:
    """In fp16, weights alone."""
    parts = ("unet", "text_encoder_1", "text_encoder_2")
    total = sum(per_rank(full_size(family), part) for part in parts)
    assert total * dim * 2 / 1e6 == pytest.approx(megabytes, abs=0.05)


KNOWN = {
    "sd15": {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q": (320, 320),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k": (320, 768),
        "lora_unet_down_blocks_2_attentions_1_transformer_blocks_0_ff_net_0_proj": (10240, 1280),
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_2": (1280, 5120),
        "lora_unet_mid_block_attentions_0_proj_in": (1280, 1280, 1, 1),
        "lora_unet_up_blocks_3_attentions_2_proj_out": (320, 320, 1, 1),
        "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0": (1280, 1280),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
        "lora_te_text_model_encoder_layers_11_mlp_fc1": (3072, 768),
    },
    "sdxl": {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": (640, 640),
        "lora_unet_input_blocks_7_1_transformer_blocks_9_attn2_to_k": (1280, 2048),
        "lora_unet_middle_block_1_proj_in": (1280, 1280),
        "lora_unet_output_blocks_0_1_transformer_blocks_9_ff_net_0_proj": (10240, 1280),
        "lora_unet_output_blocks_5_1_proj_out": (640, 640),
        "lora_te1_text_model_encoder_layers_0_self_attn_out_proj": (768, 768),
        "lora_te2_text_model_encoder_layers_31_mlp_fc2": (1280, 5120),
    },
}
KNOWN_CONV = {
    "sd15": {
        "lora_unet_down_blocks_0_resnets_0_conv1": (320, 320, 3, 3),
        "lora_unet_down_blocks_1_resnets_0_conv_shortcut": (640, 320, 1, 1),
        "lora_unet_down_blocks_2_downsamplers_0_conv": (1280, 1280, 3, 3),
        "lora_unet_mid_block_resnets_1_time_emb_proj": (1280, 1280),
        "lora_unet_up_blocks_2_upsamplers_0_conv": (640, 640, 3, 3),
        "lora_unet_up_blocks_3_resnets_2_conv2": (320, 320, 3, 3),
    },
    "sdxl": {
        "lora_unet_input_blocks_1_0_in_layers_2": (320, 320, 3, 3),
        "lora_unet_input_blocks_1_0_emb_layers_1": (320, 1280),
        "lora_unet_input_blocks_4_0_skip_connection": (640, 320, 1, 1),
        "lora_unet_input_blocks_3_0_op": (320, 320, 3, 3),
        "lora_unet_output_blocks_2_2_conv": (1280, 1280, 3, 3),
        "lora_unet_output_blocks_8_0_out_layers_3": (320, 320, 3, 3),
    },
}


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_known_names_and_the_shapes_they_change(family: str) -> None:
    model = full_size(family)
    for conv, known in ((False, KNOWN[family]), (True, KNOWN[family] | KNOWN_CONV[family])):
        found = {
            target.name: tuple(layer_of(model, target).weight.shape)
            for target in find_targets(model, conv=conv)
        }
        assert {name: found.get(name) for name in known} == known
    plain = {target.name for target in find_targets(model)}
    assert not plain & KNOWN_CONV[family].keys()


def test_only_sd15_has_convolutions_in_a_plain_lora() -> None:
    """proj_in and proj_out: 1x1 convolutions there, linear layers in SDXL."""
    wide = {target.name for target in find_targets(full_size("sd15")) if target.kernel}
    assert len(wide) == 32
    assert all(name.endswith(("proj_in", "proj_out")) for name in wide)
    assert not [target for target in find_targets(full_size("sdxl")) if target.kernel]
    assert all(p.device == torch.device("meta") for p in full_size("sdxl").unet.parameters())
