"""Which kind of model a file's tensors make, one rule per kind, the first that fits. No torch here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lorabake.engine.checkpoint_file import Header
from lorabake.engine.families import sgm_names as names
from lorabake.engine.families.shapes import predicts_v, starts_from_noise

FAMILY_LABELS = {"sdxl": "SDXL", "sd15": "SD 1.5", "sd2": "SD 2", "sd3": "SD 3", "flux": "Flux"}

# Width of the text that the attention of a U-Net listens to, which tells families apart.
TEXT_WIDTHS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}

# Channels that a U-Net is given beside the four of the latents, and what such a model is for.
_CHANNELS = {
    5: "checkpoint for pictures with depth",
    7: "checkpoint for upscaling",
    8: "checkpoint for editing pictures (InstructPix2Pix)",
    9: "inpainting checkpoint",
}


@dataclass(frozen=True)
class Kind:
    """What a file or folder is; see `identify.CheckpointInfo` for the words."""

    kind: str
    family: str | None
    label: str
    prediction: str | None = None
    rank: int | None = None
    zero_terminal_snr: bool = False


def kind_of(header: Header) -> Kind:
    """What a safetensors file is."""
    return next(kind for rule in _RULES if (kind := rule(header)) is not None)


def checkpoint_kind(
    family: str | None, channels: int, prediction: str, zero_terminal_snr: bool
) -> Kind:
    """A whole model whose U-Net is given so many channels."""
    name = FAMILY_LABELS.get(family or "", "model of an unknown kind:")
    if channels in _CHANNELS:
        return Kind("inpainting", family, f"{name} {_CHANNELS[channels]}", prediction)
    label = f"{name} v-prediction checkpoint" if prediction == "v" else f"{name} checkpoint"
    return Kind("checkpoint", family, label, prediction, zero_terminal_snr=zero_terminal_snr)


def _lora(header: Header) -> Kind | None:
    for network, marker, axis in _NETWORKS:
        shapes = [info.shape for name, info in header.tensors.items() if marker in f"{name}."]
        if not shapes:
            continue
        rank = shapes[0][axis] if axis is not None and len(shapes[0]) > axis else None
        family = _lora_family(header)
        name = "DoRA" if any("dora_scale" in name for name in header.tensors) else network
        details = [f"rank {rank}"] if rank else []
        details += [f"for {FAMILY_LABELS[family]}"] if family else []
        label = f"{name} ({', '.join(details)})" if details else name
        return Kind("lora", family, label, rank=rank)
    return None


# Marker in a tensor's name, and the axis of that tensor that is the rank.
_NETWORKS: tuple[tuple[str, str, int | None], ...] = (
    ("LoRA", ".lora_down.weight", 0),
    ("LoRA", ".lora_A.", 0),
    ("LoRA", ".lora.down.weight", 0),
    ("LoRA", "_lora.down.weight", 0),
    ("LoHa", ".hada_w1_b", 0),
    ("LoKr", ".lokr_w2_b", 0),
    ("LoKr", ".lokr_w1", None),
    ("GLoRA", ".a1.weight", 0),
    ("OFT network", ".oft_", None),
    ("IA3 network", ".on_input", None),
    ("full-difference network", ".diff.", None),
)


def _lora_family(header: Header) -> str | None:
    """Which base a LoRA was made for: by what its layers are called and how wide its text is."""
    if any(part in name for name in header.tensors for part in _FLUX_BLOCKS):
        return "flux"
    if any("joint_blocks" in name for name in header.tensors):
        return "sd3"
    for name, info in header.tensors.items():
        if re.search(r"attn2[._]to_[kv]\.(lora_down|lora_A|lora\.down|hada_w1_b)", name) and (
            family := TEXT_WIDTHS.get(info.shape[-1])
        ):
            return family
    prefixes = Counter(name.split("_text_model")[0] for name in header.tensors)
    if prefixes["lora_te1"] or prefixes["lora_te2"]:
        return "sdxl"
    if any("_input_blocks_4_1_" in name for name in header.tensors):
        return "sdxl"
    told = header.metadata.get("ss_base_model_version", "") + header.metadata.get(
        "modelspec.architecture", ""
    )
    return next((family for text, family in _TOLD_FAMILIES.items() if text in told), None)


_FLUX_BLOCKS = ("double_blocks", "single_transformer_blocks", "single_blocks")
_TOLD_FAMILIES = {
    "sdxl": "sdxl",
    "stable-diffusion-xl": "sdxl",
    "sd_v1": "sd15",
    "stable-diffusion-v1": "sd15",
    "sd_v2": "sd2",
    "stable-diffusion-v2": "sd2",
    "flux": "flux",
}


def _controlnet(header: Header) -> Kind | None:
    if _begins(header, "control_model.") or _holds(
        header, "input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight"
    ):
        return Kind("controlnet", None, "ControlNet")
    if _begins(header, "ip_adapter.") or _begins(header, "image_proj."):
        return Kind("adapter", None, "IP-Adapter")
    return None


def _other_architecture(header: Header) -> Kind | None:
    """Models of other designs, by the beginning of a tensor's name that only they have."""
    for prefix in ("", names.UNET_PREFIX, "net."):
        for beginning, family, label in _ARCHITECTURES:
            if _begins(header, prefix + beginning):
                return Kind("checkpoint", family, f"{label} checkpoint")
    if any(".motion_modules." in name for name in header.tensors):
        return Kind("adapter", None, "motion module (AnimateDiff)")
    return None


_ARCHITECTURES: tuple[tuple[str, str | None, str], ...] = (
    ("joint_blocks.", "sd3", "SD 3"),
    ("double_blocks.", "flux", "Flux"),
    ("single_transformer_blocks.", "flux", "Flux"),
    ("llm_adapter.blocks.", None, "Anima"),
    ("noise_refiner.", None, "Lumina or Z-Image"),
    ("txt_norm.", None, "Qwen-Image"),
    ("patchify_proj.", None, "LTX Video"),
    ("head.modulation", None, "Wan"),
)


def _unet(header: Header) -> Kind | None:
    """Everything with an SGM or LDM U-Net in it."""
    first = header.shape(f"{names.UNET_PREFIX}input_blocks.0.0.weight")
    if not first or len(first) != 4:
        return None
    prediction = "v" if predicts_v(header) else "epsilon"
    one = _begins(header, names.TEXT_ENCODER_PREFIX)
    two = _begins(header, names.TEXT_ENCODER_2_PREFIX)
    if one and two:
        return checkpoint_kind("sdxl", first[1], prediction, starts_from_noise(header))
    if _begins(header, "conditioner.embedders.0.model."):
        return Kind("refiner", "sdxl", "SDXL refiner", prediction)
    width = next(
        (
            info.shape[-1]
            for name, info in header.tensors.items()
            if name.endswith("attn2.to_k.weight") and name.startswith(names.UNET_PREFIX)
        ),
        0,
    )
    family = TEXT_WIDTHS.get(width)
    if family == "sdxl" or not _begins(header, "cond_stage_model."):
        label = f"{FAMILY_LABELS.get(family or '', 'diffusion')} U-Net without its text encoders"
        return Kind("unet", family, label, prediction)
    if family is None and _begins(header, names.LDM_TEXT_PREFIX):
        family = "sd15"  # of another size
    return checkpoint_kind(family, first[1], prediction, starts_from_noise(header))


def _lone_unet(header: Header) -> Kind | None:
    width = header.shape("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight")
    if not _holds(header, "conv_in.weight", "input_blocks.0.0.weight") or not (
        _begins(header, "down_blocks.") or _begins(header, "input_blocks.")
    ):
        return None
    family = TEXT_WIDTHS.get(width[-1]) if width else None
    label = f"{FAMILY_LABELS.get(family or '', 'diffusion')} U-Net without its text encoders"
    return Kind("unet", family, label)


def _vae(header: Header) -> Kind | None:
    for prefix in ("", names.VAE_PREFIX):
        latents = header.shape(f"{prefix}decoder.conv_in.weight")
        if latents and header.shape(f"{prefix}encoder.conv_in.weight"):
            channels = latents[1] if len(latents) > 1 else 0
            other = "" if channels == 4 else f" for another kind of model ({channels} channels)"
            return Kind("vae", None, f"VAE{other}")
    return None


def _text_encoder(header: Header) -> Kind | None:
    marks = (
        ("text_model.encoder.layers.0.layer_norm1.weight", "CLIP text encoder"),
        ("encoder.layers.0.self_attn.q_proj.weight", "CLIP text encoder"),
        ("transformer.resblocks.0.ln_1.weight", "CLIP text encoder"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", "T5 text encoder"),
        ("model.layers.0.self_attn.q_proj.weight", "language model"),
    )
    return next(
        (Kind("text encoder", None, label) for name, label in marks if name in header.tensors),
        None,
    )


def _upscaler(header: Header) -> Kind | None:
    old = _begins(header, "model.1.sub.") and "model.0.weight" in header.tensors
    if old or (
        _holds(header, "conv_first.weight")
        and _holds(header, "conv_last.weight", "conv_after_body.weight", "upsample.0.weight")
    ):
        return Kind("upscaler", None, "model for upscaling pictures")
    return None


def _embedding(header: Header) -> Kind | None:
    known = _holds(header, "emb_params", "clip_l", "clip_g")
    if known or (
        0 < len(header.tensors) <= 2 and all(len(i.shape) <= 2 for i in header.tensors.values())
    ):
        return Kind("textual inversion", None, "textual inversion (an embedding)")
    return None


def _unknown(header: Header) -> Kind:
    return Kind("unknown", None, "file of a kind that lorabake does not know")


_RULES: tuple[Callable[[Header], Kind | None], ...] = (
    _lora,
    _controlnet,
    _other_architecture,
    _unet,
    _lone_unet,
    _vae,
    _text_encoder,
    _upscaler,
    _embedding,
    _unknown,
)


def _begins(header: Header, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in header.tensors)


def _holds(header: Header, *any_of: str) -> bool:
    return any(name in header.tensors for name in any_of)
