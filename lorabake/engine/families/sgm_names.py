"""What a model's layers are called outside diffusers: in checkpoints, and in LoRA files.

Checkpoints of SDXL come in the layout of Stability's "generative models" (SGM), whose U-Net and VAE
have the names of "latent diffusion" (LDM), the layout of SD 1.5; LoRA files for SDXL use these names
of U-Net blocks too. All tables are derived from a config, so they hold for every size.
No torch here: names and shapes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

UNET_PREFIX = "model.diffusion_model."
TEXT_ENCODER_PREFIX = "conditioner.embedders.0.transformer.text_model."
TEXT_ENCODER_2_PREFIX = "conditioner.embedders.1.model."
VAE_PREFIX = "first_stage_model."
# SD 1.5's text encoder. NAI's first leak and its merges are of a time before `text_model.`.
LDM_TEXT_PREFIX = "cond_stage_model.transformer."
LDM_TEXT_PREFIXES = (f"{LDM_TEXT_PREFIX}text_model.", LDM_TEXT_PREFIX)

Config = Mapping[str, Any]

_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
# The parts of attention blocks have the same names on both sides.
_ATTENTION = ("norm", "proj_in", "proj_out")
_TRANSFORMER = (
    "norm1", "norm2", "norm3",
    "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
    "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0",
    "ff.net.0.proj", "ff.net.2",
)  # fmt: skip

_VAE_RESNET = {name: name for name in ("norm1", "conv1", "norm2", "conv2")} | {
    "conv_shortcut": "nin_shortcut"
}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def sgm_names(unet_config: Config) -> dict[str, str]:
    """LoRA name of every layer of SDXL's U-Net, by its diffusers path.

    `down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q` is
    `input_blocks_4_1_transformer_blocks_0_attn1_to_q`. Shortcuts that a block does not need
    are in the table too; they lead nowhere.
    """
    return {path: name.replace(".", "_") for path, name in unet_modules(unet_config).items()}


def unet_modules(config: Config) -> dict[str, str]:
    """Dotted SGM name of every layer of the U-Net, by its diffusers path."""
    names = dict(_UNET_ENDS)
    for path, place, depth in _unet_blocks(config):
        if depth is None:
            names.update(_renamed(path, place, _UNET_RESNET))
        elif depth == 0:
            names[path] = place  # the convolution of an up- or downsampler
        else:
            names.update({f"{path}.{part}": f"{place}.{part}" for part in _ATTENTION})
            for index in range(depth):
                block = f"transformer_blocks.{index}"
                for part in _TRANSFORMER:
                    names[f"{path}.{block}.{part}"] = f"{place}.{block}.{part}"
    return names


def _unet_blocks(config: Config) -> Iterator[tuple[str, str, int | None]]:
    """(diffusers path, SGM place, depth): None for a resnet, 0 for a sampler, else attention.

    SGM numbers the blocks of the way down and of the way up through, each holding a resnet,
    perhaps an attention, and at the end of a level the sampler.
    """
    levels = len(config["block_out_channels"])
    layers = per_level(config["layers_per_block"], levels)
    depths = per_level(config["transformer_layers_per_block"], levels)
    number = 1
    for level, kind in enumerate(config["down_block_types"]):
        for layer in range(layers[level]):
            yield from _pair(
                f"down_blocks.{level}", layer, f"input_blocks.{number}", kind, depths[level]
            )
            number += 1
        if level < levels - 1:
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{number}.0.op", 0
            number += 1

    yield "mid_block.resnets.0", "middle_block.0", None
    yield "mid_block.attentions.0", "middle_block.1", depths[-1]
    yield "mid_block.resnets.1", "middle_block.2", None

    number = 0
    for level, kind in enumerate(config["up_block_types"]):
        for layer in range(layers[-1 - level] + 1):
            place = f"output_blocks.{number}"
            yield from _pair(f"up_blocks.{level}", layer, place, kind, depths[-1 - level])
            number += 1
        if level < levels - 1:
            slot = 2 if "CrossAttn" in kind else 1
            yield (
                f"up_blocks.{level}.upsamplers.0.conv",
                f"output_blocks.{number - 1}.{slot}.conv",
                0,
            )


def _pair(
    path: str, layer: int, place: str, kind: str, depth: int
) -> Iterator[tuple[str, str, int | None]]:
    """A resnet, and the attention behind it where the block has one."""
    yield f"{path}.resnets.{layer}", f"{place}.0", None
    if "CrossAttn" in kind:
        yield f"{path}.attentions.{layer}", f"{place}.1", depth


def vae_modules(config: Config) -> dict[str, str]:
    """Dotted SGM name of every layer of the VAE, by its diffusers path."""
    levels = len(config["block_out_channels"])
    layers = int(config["layers_per_block"])
    names = {name: name for name in ("quant_conv", "post_quant_conv")}
    for side in ("encoder", "decoder"):
        names[f"{side}.conv_in"] = f"{side}.conv_in"
        names[f"{side}.conv_norm_out"] = f"{side}.norm_out"
        names[f"{side}.conv_out"] = f"{side}.conv_out"
        middle = f"{side}.mid_block"
        names.update(_renamed(f"{middle}.attentions.0", f"{side}.mid.attn_1", _VAE_ATTENTION))
        for index in (0, 1):
            place = f"{side}.mid.block_{index + 1}"
            names.update(_renamed(f"{middle}.resnets.{index}", place, _VAE_RESNET))
    for level in range(levels):
        down, up = f"encoder.down_blocks.{level}", f"decoder.up_blocks.{level}"
        below = levels - 1 - level  # SGM counts the way up from its end
        for layer in range(layers + 1):
            place = f"decoder.up.{below}.block.{layer}"
            names.update(_renamed(f"{up}.resnets.{layer}", place, _VAE_RESNET))
            if layer < layers:
                place = f"encoder.down.{level}.block.{layer}"
                names.update(_renamed(f"{down}.resnets.{layer}", place, _VAE_RESNET))
        names[f"{down}.downsamplers.0.conv"] = f"encoder.down.{level}.downsample.conv"
        names[f"{up}.upsamplers.0.conv"] = f"decoder.up.{below}.upsample.conv"
    return names


def open_clip_name(weight: str) -> str:
    """OpenCLIP's name of a text encoder's weight, given transformers' (without `text_model.`).

    Queries, keys and values share one tensor there: `attn.in_proj_weight`.
    """
    whole = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
        "text_projection.weight": "text_projection",
    }
    if weight in whole:
        return whole[weight]
    _, _, number, rest = weight.split(".", 3)  # encoder.layers.N.…
    part, kind = rest.rsplit(".", 1)
    place = f"transformer.resblocks.{number}"
    if part in _OPEN_CLIP_LAYER:
        return f"{place}.{_OPEN_CLIP_LAYER[part]}.{kind}"
    return f"{place}.attn.in_proj_{kind}"


def text_model_name(path: str) -> str:
    """A text encoder's layer as LoRA files name it: `text_model_encoder_layers_0_mlp_fc1`.

    Some versions of transformers put `text_model.` before their paths and some do not.
    """
    return ("text_model." + path.removeprefix("text_model.")).replace(".", "_")


def per_level(value: Any, levels: int) -> list[int]:
    """A setting of a config that may be given once or for each level."""
    return [int(item) for item in value] if isinstance(value, list | tuple) else [value] * levels


def _renamed(path: str, place: str, parts: Mapping[str, str]) -> dict[str, str]:
    return {f"{path}.{ours}": f"{place}.{theirs}" for ours, theirs in parts.items()}
