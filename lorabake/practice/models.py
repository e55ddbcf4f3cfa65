"""The four networks of the practice model: SDXL's classes and wiring, a thousandth of its size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

VAE_CONFIG: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [16, 48, 96],
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "sample_size": 64,
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "force_upcast": False,
    "scaling_factor": 1.0,  # the export folds the latents' mean and spread into the weights
}
UNET_CONFIG: dict[str, Any] = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": [64, 96, 96],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": [2, 3, 3],  # heads per level, in spite of the name
    "cross_attention_dim": 64,
    "use_linear_projection": True,
    "transformer_layers_per_block": 1,
    "norm_num_groups": 16,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 16,
    "projection_class_embeddings_input_dim": 128,  # pooled 32 + six time ids of 16
}
TEXT_CONFIG: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 32,
    "intermediate_size": 128,
    "num_hidden_layers": 3,  # SDXL reads the last but one, so two of them do the work
    "num_attention_heads": 2,
    "max_position_embeddings": 77,
    "projection_dim": 32,
    "hidden_act": "quick_gelu",
    "bos_token_id": 49406,
    "eos_token_id": 49407,  # with the class's old default of 2, pooling would take another path
    "pad_token_id": 1,
}
SCHEDULER_CONFIG: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "interpolation_type": "linear",
    "use_karras_sigmas": False,
}
PARTS = ("unet", "text_encoder", "text_encoder_2", "vae")


def new_part(part: str) -> nn.Module:
    """One of PARTS with random weights; the caller sets the seed."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    if part == "vae":
        return AutoencoderKL(**VAE_CONFIG)
    if part == "unet":
        return UNet2DConditionModel(**UNET_CONFIG)
    if part == "text_encoder":
        return CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG))
    return CLIPTextModelWithProjection(CLIPTextConfig(**{**TEXT_CONFIG, "hidden_act": "gelu"}))


def load_part(part: str, folder: Path) -> nn.Module:
    """One of PARTS from a diffusers folder, in float32 whatever the file holds."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    classes: dict[str, Any] = {
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
    }
    model: nn.Module = classes[part].from_pretrained(folder / part, torch_dtype=torch.float32)
    return model.eval()
