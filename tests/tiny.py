"""Tiny models of the real architecture, with random weights, for tests that train and render.

`tiny_sdxl_folder` writes a diffusers folder, `tiny_sdxl_single_file` the same model as one file
in the layout in which SDXL checkpoints are handed around; `tiny_sd15_folder` and
`tiny_sd15_single_file` do so for SD 1.5. 32x32 pixels are a good size for them: latents are a
quarter of that, and sides must be multiples of 16.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lorabake.engine.checkpoint_file import Header, TensorInfo

TINY_SDXL: dict[str, dict[str, Any]] = {
    "unet": {
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "layers_per_block": 1,
        "block_out_channels": [32, 64, 64],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [1, 2, 2], "cross_attention_dim": 32,
        "use_linear_projection": True, "transformer_layers_per_block": 1, "norm_num_groups": 8,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 16 + 6 * 8,
    },
    "text_encoder": {
        "vocab_size": 49408, "hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 2, "max_position_embeddings": 77, "projection_dim": 16,
        "hidden_act": "quick_gelu", "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1,
    },
    "text_encoder_2": {
        "vocab_size": 49408, "hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 2, "max_position_embeddings": 77, "projection_dim": 16,
        "hidden_act": "gelu", "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1,
    },
    "vae": {
        "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "block_out_channels": [8, 16, 16], "layers_per_block": 1, "norm_num_groups": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 3, "up_block_types": ["UpDecoderBlock2D"] * 3,
        "sample_size": 32, "force_upcast": False, "scaling_factor": 0.5,
    },
    "scheduler": {
        "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "prediction_type": "epsilon", "steps_offset": 1,
        "timestep_spacing": "leading", "clip_sample": False,
    },
}  # fmt: skip

TINY_SD15: dict[str, dict[str, Any]] = {
    "unet": {
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "layers_per_block": 1,
        "block_out_channels": [32, 64, 64],
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "attention_head_dim": 4, "cross_attention_dim": 16,
        "use_linear_projection": False, "transformer_layers_per_block": [1, 1, 1],
        "norm_num_groups": 8,
    },
    "text_encoder": TINY_SDXL["text_encoder"],
    "vae": TINY_SDXL["vae"],
    "scheduler": TINY_SDXL["scheduler"],
}  # fmt: skip
_CONFIGS = {"sdxl": TINY_SDXL, "sd15": TINY_SD15}

_CLASSES = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
}


def tiny_modules(seed: int = 0, family: str = "sdxl") -> dict[str, Any]:
    """The networks with random weights: unet, text_encoder, text_encoder_2 of SDXL, vae."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = _CONFIGS[family]
    makers: dict[str, Any] = {
        "unet": lambda of: UNet2DConditionModel.from_config(of),
        "text_encoder": lambda of: CLIPTextModel(CLIPTextConfig(**of)),
        "text_encoder_2": lambda of: CLIPTextModelWithProjection(CLIPTextConfig(**of)),
        "vae": lambda of: AutoencoderKL.from_config(of),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = {name: make(config[name]) for name, make in makers.items() if name in config}
        for name in ("text_encoder", "text_encoder_2"):
            if name in modules:
                # Fresh embeddings are so small that all prompts would look alike.
                torch.nn.init.normal_(modules[name].get_input_embeddings().weight, std=0.5)
    return {name: module.eval() for name, module in modules.items()}


def tiny_sdxl_folder(tmp_path: Path, seed: int = 0) -> Path:
    """Write a tiny SDXL-architecture diffusers folder (about 8 MB, fp32) and return its path."""
    return _folder(tmp_path, seed, "sdxl", "StableDiffusionXLPipeline")


def tiny_sd15_folder(tmp_path: Path, seed: int = 0) -> Path:
    """Write a tiny SD 1.5 diffusers folder (about 4 MB, fp32) and return its path."""
    return _folder(tmp_path, seed, "sd15", "StableDiffusionPipeline")


def tiny_sdxl_single_file(tmp_path: Path, seed: int = 0, **metadata: str) -> Path:
    """Write the model of `tiny_sdxl_folder` as one file in SGM layout and return its path."""
    return _single_file(tmp_path, seed, "sdxl", metadata)


def tiny_sd15_single_file(tmp_path: Path, seed: int = 0, **metadata: str) -> Path:
    """Write the model of `tiny_sd15_folder` as one file in LDM layout and return its path."""
    return _single_file(tmp_path, seed, "sd15", metadata)


def _folder(tmp_path: Path, seed: int, family: str, pipeline: str) -> Path:
    folder = tmp_path / f"tiny-{family}-{seed}"
    modules = tiny_modules(seed, family)
    for name, module in modules.items():
        module.save_pretrained(folder / name, safe_serialization=True)
    _write_json(
        folder / "scheduler" / "scheduler_config.json",
        {"_class_name": "EulerDiscreteScheduler", **_CONFIGS[family]["scheduler"]},
    )
    parts = {*modules, "scheduler", "tokenizer", *(["tokenizer_2"] if family == "sdxl" else [])}
    classes = {name: each for name, each in _CLASSES.items() if name in parts}
    told = {"force_zeros_for_empty_prompt": False} if family == "sdxl" else {}
    _write_json(folder / "model_index.json", {"_class_name": pipeline, **told, **classes})
    return folder


def _single_file(tmp_path: Path, seed: int, family: str, metadata: dict[str, str]) -> Path:
    from safetensors.torch import save_file

    path = tmp_path / f"tiny-{family}-{seed}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"lorabake.config": json.dumps(_CONFIGS[family])}
    save_file(sgm_tensors(tiny_modules(seed, family), family), path, metadata=told | metadata)
    return path


def sgm_tensors(modules: dict[str, Any], family: str = "sdxl") -> dict[str, Any]:
    """The weights of the networks under the names of a single-file checkpoint."""
    import torch

    from lorabake.engine.families.single_file import sources

    tensors: dict[str, Any] = {}
    for part, module in modules.items():
        state = dict(module.state_dict())
        for key, (name, _) in sources(part, module.config, state, family=family).items():
            if part == "text_encoder_2" and "in_proj" in name:
                qkv = [key.replace(".q_proj.", f".{each}_proj.") for each in "qkv"]
                if ".q_proj." in key:
                    tensors[name] = torch.cat([state[each] for each in qkv])
            elif key == "text_projection.weight":
                tensors[name] = state[key].t().contiguous()
            elif part == "vae" and ".attentions." in key and state[key].ndim == 2:
                tensors[name] = state[key][:, :, None, None].contiguous()
            else:
                tensors[name] = state[key].contiguous()
    return tensors


def write_zeros(path: Path, tensors: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write a checkpoint of these names and shapes in fp16, without data: a file with a hole."""
    entries, end = _entries(tensors)
    header = json.dumps({"__metadata__": metadata} | entries).encode()
    header += b" " * (-len(header) % 8)  # tensors of other writers lie on multiples of 8, too
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)


def header_of(tensors: dict[str, Any], **metadata: str) -> Header:
    """The header that a file of these tensors would have, in fp16."""
    entries, end = _entries(tensors)
    infos = {
        name: TensorInfo(entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"])
        for name, entry in entries.items()
    }
    return Header(infos, metadata, 0, end)


def _entries(tensors: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], int]:
    entries, end = {}, 0
    for name, tensor in tensors.items():
        start, end = end, end + 2 * tensor.numel()
        entries[name] = {
            "dtype": "F16",
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    return entries, end


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
