"""The configs of a single-file checkpoint, read off the shapes of its tensors. No torch here.

The shipped configs of a family say what shapes do not tell; a file of the real size comes out
exactly as them. A file of another size says the rest in its metadata, under `lorabake.config`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError
from lorabake.engine.checkpoint_file import Header
from lorabake.engine.families import sgm_names as names
from lorabake.engine.families.family import FAMILIES

METADATA_KEY = "lorabake.config"
HEAD_WIDTH = 64  # of every attention of SDXL and of all text encoders

# What a file's metadata may say. Sizes are not among it: those are read from the tensors.
_TOLD: Mapping[str, tuple[str, ...]] = {
    "unet": ("attention_head_dim", "norm_num_groups", "sample_size"),
    "text_encoder": ("num_attention_heads", "hidden_act"),
    "text_encoder_2": ("num_attention_heads", "hidden_act"),
    "vae": ("norm_num_groups", "scaling_factor", "force_upcast", "sample_size"),
    "scheduler": (),
}

Config = dict[str, Any]
# The shape of a tensor by its name, with the part's prefix left out; None where there is none.
Shape = Callable[[str], tuple[int, ...] | None]


class NotThereError(Exception):
    """A tensor that the part cannot do without."""


@functools.cache
def _shipped_text(part: str, family: str) -> str:
    folder = Path(__file__).parent / "configs" / family
    return (folder / f"{part}.json").read_text(encoding="utf-8")


def shipped_config(part: str, family: str = "sdxl") -> Config:
    """A family's own config of a part: "unet", …, "scheduler"."""
    config: Config = json.loads(_shipped_text(part, family))
    return config


def part_config(header: Header, part: str, file_name: str, family: str = "sdxl") -> Config:
    """The config of one part of a checkpoint in LDM or SGM layout."""
    told = _told(header.metadata, part, file_name)
    if part == "scheduler":
        return shipped_config(part, family) | _prediction(header)
    prefixes = _prefixes(part, family)
    try:
        found = _READERS[part, family](_below(header, *prefixes))
    except NotThereError as error:
        if part == "vae":
            raise ModelFileError(
                f"{file_name} has no VAE inside. Choose a VAE for it, such as "
                f"{FAMILIES[family].vae_hint}."
            ) from None
        raise ModelFileError(
            f"{file_name} is not a complete {FAMILIES[family].label} checkpoint "
            f"({prefixes[0]}{error} is missing). Choose a file that holds the whole model."
        ) from None
    if part == "unet" and family == "sdxl":
        pooled = part_config(header, "text_encoder_2", file_name)["projection_dim"]
        width = found["projection_class_embeddings_input_dim"] - pooled
        found["addition_time_embed_dim"] = width // 6  # six numbers tell sizes and crop
    return shipped_config(part, family) | found | told


def _prefixes(part: str, family: str) -> tuple[str, ...]:
    """How the names of a part's tensors may begin."""
    if part == "text_encoder":
        return names.LDM_TEXT_PREFIXES if family == "sd15" else (names.TEXT_ENCODER_PREFIX,)
    return {
        "unet": (names.UNET_PREFIX,),
        "text_encoder_2": (names.TEXT_ENCODER_2_PREFIX,),
        "vae": (names.VAE_PREFIX,),
    }[part]


def vae_file_config(header: Header, file_name: str, family: str) -> tuple[Config, str | None]:
    """The config of a VAE that is a file of its own, and the prefix of its LDM names.

    The prefix is None where the file has the names of diffusers.
    """
    base = shipped_config("vae", family) | _told(header.metadata, "vae", file_name)
    for prefix in ("", names.VAE_PREFIX, None):
        block = (
            "encoder.down_blocks.{}.resnets.{}" if prefix is None else "encoder.down.{}.block.{}"
        )
        try:
            return base | vae_shapes(_below(header, prefix or ""), block), prefix
        except NotThereError:
            continue
    raise ModelFileError(
        f"{file_name} is not a VAE for {FAMILIES[family].label}. Choose another, or leave the VAE "
        "empty to use the checkpoint's own."
    )


def unet_shapes(shape: Shape) -> Config:
    """Channels, layers and attention of a U-Net, by walking down its blocks."""
    levels: list[list[int]] = [[]]  # of each level: the attention depth of each layer
    channels: list[int] = []
    for number in count(1):
        block = f"input_blocks.{number}"
        if shape(f"{block}.0.op.weight"):
            levels.append([])
        elif convolution := shape(f"{block}.0.in_layers.2.weight"):
            levels[-1].append(_depth(shape, f"{block}.1"))
            channels[len(levels) - 1 :] = [convolution[0]]
        else:
            break
    if not all(levels):
        raise NotThereError("input_blocks.1.0.in_layers.2.weight")
    attends = ["CrossAttn" if layers[0] else "" for layers in levels]
    first = _needed(shape, "input_blocks.0.0.weight")
    per_level = [len(layers) for layers in levels]
    return {
        "in_channels": first[1],
        "out_channels": _needed(shape, "out.2.weight")[0],
        "block_out_channels": channels,
        "layers_per_block": per_level[0] if len(set(per_level)) == 1 else per_level,
        "down_block_types": [f"{kind}DownBlock2D" for kind in attends],
        "up_block_types": [f"{kind}UpBlock2D" for kind in reversed(attends)],
        "transformer_layers_per_block": [layers[0] or 1 for layers in levels],
        "cross_attention_dim": _middle(shape, "transformer_blocks.0.attn2.to_k")[1],
        "use_linear_projection": len(_middle(shape, "proj_in")) == 2,
    }


def sdxl_unet_shapes(shape: Shape) -> Config:
    """As `unet_shapes`, with SDXL's heads of one width and what it is told of sizes and crop."""
    found = unet_shapes(shape)
    return found | {
        "attention_head_dim": [_heads(width) for width in found["block_out_channels"]],
        "projection_class_embeddings_input_dim": _needed(shape, "label_emb.0.0.weight")[1],
    }


def text_encoder_shapes(shape: Shape) -> Config:
    """Widths and layers of a text encoder with transformers' names."""
    vocabulary, width = _needed(shape, "embeddings.token_embedding.weight")
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": _needed(shape, "encoder.layers.0.mlp.fc1.weight")[0],
        "num_hidden_layers": _count(shape, "encoder.layers.{}.layer_norm1.weight"),
        "num_attention_heads": _heads(width),
        "max_position_embeddings": _needed(shape, "embeddings.position_embedding.weight")[0],
        "projection_dim": width,
    }


def open_clip_shapes(shape: Shape) -> Config:
    """Widths and layers of a text encoder with OpenCLIP's names."""
    vocabulary, width = _needed(shape, "token_embedding.weight")
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": _needed(shape, "transformer.resblocks.0.mlp.c_fc.weight")[0],
        "num_hidden_layers": _count(shape, "transformer.resblocks.{}.ln_1.weight"),
        "num_attention_heads": _heads(width),
        "max_position_embeddings": _needed(shape, "positional_embedding")[0],
        "projection_dim": _needed(shape, "text_projection")[1],
    }


def vae_shapes(shape: Shape, block: str = "encoder.down.{}.block.{}") -> Config:
    """Channels and layers of a VAE. block: how its names begin, for level and layer."""
    levels = _count(shape, f"{block.format('{}', 0)}.conv1.weight")
    channels = [_needed(shape, f"{block.format(i, 0)}.conv1.weight")[0] for i in range(levels)]
    if not channels:
        raise NotThereError(f"{block.format(0, 0)}.conv1.weight")
    return {
        "in_channels": _needed(shape, "encoder.conv_in.weight")[1],
        "out_channels": _needed(shape, "decoder.conv_out.weight")[0],
        "latent_channels": _needed(shape, "decoder.conv_in.weight")[1],
        "block_out_channels": channels,
        "layers_per_block": _count(shape, f"{block.format(0, '{}')}.conv1.weight"),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
    }


_READERS: Mapping[tuple[str, str], Callable[[Shape], Config]] = {
    ("unet", "sdxl"): sdxl_unet_shapes,
    ("unet", "sd15"): unet_shapes,
    ("text_encoder", "sdxl"): text_encoder_shapes,
    ("text_encoder", "sd15"): text_encoder_shapes,
    ("text_encoder_2", "sdxl"): open_clip_shapes,
    ("vae", "sdxl"): vae_shapes,
    ("vae", "sd15"): vae_shapes,
}


def _below(header: Header, *prefixes: str) -> Shape:
    """Shapes of what lies behind any of these prefixes, the first one first."""
    return lambda name: next(
        (shape for prefix in prefixes if (shape := header.shape(prefix + name)) is not None), None
    )


def predicts_v(header: Header) -> bool:
    """Whether a checkpoint says that it was trained to predict velocity instead of noise.

    NoobAI and its relatives carry a tensor `v_pred`, other trainers write it into the notes.
    """
    told = header.metadata.get("modelspec.prediction_type", "").lower()
    return "v_pred" in header.tensors or told in ("v", "v_prediction", "v-prediction")


def starts_from_noise(header: Header) -> bool:
    """Whether a checkpoint says that its noise schedule ends in pure noise: a tensor `ztsnr`."""
    return "ztsnr" in header.tensors


def _prediction(header: Header) -> Config:
    told: Config = {"prediction_type": "v_prediction"} if predicts_v(header) else {}
    return told | ({"rescale_betas_zero_snr": True} if starts_from_noise(header) else {})


def _told(metadata: Mapping[str, str], part: str, file_name: str) -> Config:
    try:
        told = json.loads(metadata.get(METADATA_KEY, "{}")).get(part, {})
        return {key: told[key] for key in _TOLD[part] if key in told}
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ModelFileError(
            f"{file_name} describes itself in a way that cannot be read ({METADATA_KEY}). "
            "Get another copy of this model."
        ) from None


def _needed(shape: Shape, name: str) -> tuple[int, ...]:
    found = shape(name)
    if found is None or len(found) < 2:
        raise NotThereError(name)
    return found


def _middle(shape: Shape, part: str) -> tuple[int, ...]:
    return _needed(shape, f"middle_block.1.{part}.weight")


def _depth(shape: Shape, place: str) -> int:
    return _count(shape, place + ".transformer_blocks.{}.norm1.weight")


def _count(shape: Shape, name: str) -> int:
    """How many of a numbered tensor there are, from 0 without gaps."""
    return next(number for number in count() if shape(name.format(number)) is None)


def _heads(width: int) -> int:
    return max(1, width // HEAD_WIDTH)
