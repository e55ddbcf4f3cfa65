"""Saying what a model file is, from the names and shapes of its tensors alone. No torch here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError
from lorabake.engine.checkpoint_file import Header, read_header
from lorabake.engine.families import folder as folders
from lorabake.engine.families import sgm_names as names
from lorabake.engine.families.shapes import predicts_v

DTYPE_LABELS = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F64": "fp64"} | {
    "F8_E4M3": "fp8",
    "F8_E5M2": "fp8",
}
FAMILY_LABELS = {"sdxl": "SDXL", "sd15": "SD 1.5", "sd2": "SD 2", "sd3": "SD 3", "flux": "Flux"}

# Width of the text that the attention of a U-Net listens to, which tells families apart.
_TEXT_WIDTHS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}


@dataclass(frozen=True)
class CheckpointInfo:
    """What a model file is.

    kind: "checkpoint", "refiner", "inpainting", "unet", "vae", "lora", "controlnet", "upscaler",
    "text encoder", "textual inversion", "adapter" or "unknown".
    family: "sdxl", "sd15", "sd2", "sd3", "flux" or None. prediction: "epsilon", "v" or None.
    label: what it is, to follow "is a". dtype: of most of its numbers. rank: of a LoRA.
    """

    kind: str
    family: str | None
    prediction: str | None
    label: str
    dtype: str
    mib: float
    rank: int | None = None


@dataclass(frozen=True)
class _Kind:
    kind: str
    family: str | None
    label: str
    prediction: str | None = None
    rank: int | None = None


def identify(path: Path) -> CheckpointInfo:
    """What a `.safetensors` file or diffusers folder is. Reads headers and configs only.

    Raises ModelFileError for files that cannot be read safely.
    """
    if path.is_dir():
        return _identify_folder(path)
    header = read_header(path)
    found = next(kind for rule in _RULES if (kind := rule(header)) is not None)
    return _info(found, [header])


def require_sdxl(path: Path) -> CheckpointInfo:
    """The same, for what must be an SDXL checkpoint; raises with what it is instead."""
    info = identify(path)
    if info.kind == "checkpoint" and info.family == "sdxl":
        return info
    if info.kind in ("checkpoint", "refiner", "inpainting"):
        advice = "which cannot be trained on yet; choose an SDXL checkpoint such as Illustrious"
        raise ModelFileError(f"{path.name} is {_a(info.label)}, {advice}.")
    if info.kind == "lora":
        advice = "choose the checkpoint it was made for"
    elif info.kind == "unet":
        advice = "choose the file with its text encoders"
    elif info.kind == "vae":
        advice = "choose a checkpoint, and this as its VAE"
    else:
        advice = "choose an SDXL checkpoint"
    raise ModelFileError(f"{path.name} is {_a(info.label)}, not a base model; {advice}.")


def _identify_folder(path: Path) -> CheckpointInfo:
    if not folders.is_folder_model(path):
        raise ModelFileError(
            f"{path.name} is a folder without a model in it (unet/config.json is missing). "
            "Choose a .safetensors file, or a folder as diffusers writes it."
        )
    headers = [
        read_header(file)
        for part in folders.CLASSES
        if (path / part).is_dir()
        for file in folders.part_files(path / part)
    ]
    unet = folders.read_config(path / "unet", "unet")
    scheduler = folders.read_config(path / "scheduler", "scheduler")
    prediction = "v" if scheduler.get("prediction_type") == "v_prediction" else "epsilon"
    return _info(_folder_kind(unet, path, prediction), headers)


def _folder_kind(unet: Mapping[str, Any], path: Path, prediction: str) -> _Kind:
    sized = unet.get("addition_embed_type") == "text_time"
    if sized and not (path / "text_encoder").is_dir():
        return _Kind("refiner", "sdxl", "SDXL refiner", prediction)
    family = "sdxl" if sized else _TEXT_WIDTHS.get(_number(unet.get("cross_attention_dim")))
    return _checkpoint(family, _number(unet.get("in_channels")), prediction)


def _checkpoint(family: str | None, channels: int, prediction: str) -> _Kind:
    name = FAMILY_LABELS.get(family or "", "model of an unknown kind:")
    if channels == 9:
        return _Kind("inpainting", family, f"{name} inpainting checkpoint", prediction)
    label = f"{name} v-prediction checkpoint" if prediction == "v" else f"{name} checkpoint"
    return _Kind("checkpoint", family, label, prediction)


def _lora(header: Header) -> _Kind | None:
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
        return _Kind("lora", family, label, rank=rank)
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
            family := _TEXT_WIDTHS.get(info.shape[-1])
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


def _controlnet(header: Header) -> _Kind | None:
    if _begins(header, "control_model.") or _holds(
        header, "input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight"
    ):
        return _Kind("controlnet", None, "ControlNet")
    if _begins(header, "ip_adapter.") or _begins(header, "image_proj."):
        return _Kind("adapter", None, "IP-Adapter")
    return None


def _other_architecture(header: Header) -> _Kind | None:
    for prefix in ("", names.UNET_PREFIX):
        if _begins(header, f"{prefix}joint_blocks."):
            return _Kind("checkpoint", "sd3", "SD 3 checkpoint")
        if _begins(header, f"{prefix}double_blocks."):
            return _Kind("checkpoint", "flux", "Flux checkpoint")
    if _begins(header, "single_transformer_blocks."):
        return _Kind("checkpoint", "flux", "Flux checkpoint")
    return None


def _unet(header: Header) -> _Kind | None:
    """Everything with an SGM or LDM U-Net in it."""
    first = header.shape(f"{names.UNET_PREFIX}input_blocks.0.0.weight")
    if not first or len(first) != 4:
        return None
    prediction = "v" if predicts_v(header) else "epsilon"
    one = _begins(header, names.TEXT_ENCODER_PREFIX)
    two = _begins(header, names.TEXT_ENCODER_2_PREFIX)
    if one and two:
        return _checkpoint("sdxl", first[1], prediction)
    if _begins(header, "conditioner.embedders.0.model."):
        return _Kind("refiner", "sdxl", "SDXL refiner", prediction)
    width = next(
        (
            info.shape[-1]
            for name, info in header.tensors.items()
            if name.endswith("attn2.to_k.weight") and name.startswith(names.UNET_PREFIX)
        ),
        0,
    )
    family = _TEXT_WIDTHS.get(width)
    if family == "sdxl" or not _begins(header, "cond_stage_model."):
        label = f"{FAMILY_LABELS.get(family or '', 'diffusion')} U-Net without its text encoders"
        return _Kind("unet", family, label, prediction)
    return _checkpoint(family, first[1], prediction)


def _lone_unet(header: Header) -> _Kind | None:
    width = header.shape("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight")
    if not _holds(header, "conv_in.weight", "input_blocks.0.0.weight") or not (
        _begins(header, "down_blocks.") or _begins(header, "input_blocks.")
    ):
        return None
    family = _TEXT_WIDTHS.get(width[-1]) if width else None
    label = f"{FAMILY_LABELS.get(family or '', 'diffusion')} U-Net without its text encoders"
    return _Kind("unet", family, label)


def _vae(header: Header) -> _Kind | None:
    for prefix in ("", names.VAE_PREFIX):
        latents = header.shape(f"{prefix}decoder.conv_in.weight")
        if latents and header.shape(f"{prefix}encoder.conv_in.weight"):
            channels = latents[1] if len(latents) > 1 else 0
            other = "" if channels == 4 else f" for another kind of model ({channels} channels)"
            return _Kind("vae", None, f"VAE{other}")
    return None


def _text_encoder(header: Header) -> _Kind | None:
    marks = (
        ("text_model.encoder.layers.0.layer_norm1.weight", "CLIP text encoder"),
        ("encoder.layers.0.self_attn.q_proj.weight", "CLIP text encoder"),
        ("transformer.resblocks.0.ln_1.weight", "CLIP text encoder"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", "T5 text encoder"),
        ("model.layers.0.self_attn.q_proj.weight", "language model"),
    )
    return next(
        (_Kind("text encoder", None, label) for name, label in marks if name in header.tensors),
        None,
    )


def _upscaler(header: Header) -> _Kind | None:
    old = _begins(header, "model.1.sub.") and "model.0.weight" in header.tensors
    if old or (
        _holds(header, "conv_first.weight")
        and _holds(header, "conv_last.weight", "conv_after_body.weight", "upsample.0.weight")
    ):
        return _Kind("upscaler", None, "model for upscaling pictures")
    return None


def _embedding(header: Header) -> _Kind | None:
    known = _holds(header, "emb_params", "clip_l", "clip_g")
    if known or (
        0 < len(header.tensors) <= 2 and all(len(i.shape) <= 2 for i in header.tensors.values())
    ):
        return _Kind("textual inversion", None, "textual inversion (an embedding)")
    return None


def _unknown(header: Header) -> _Kind:
    return _Kind("unknown", None, "file of a kind that lorabake does not know")


_RULES: tuple[Callable[[Header], _Kind | None], ...] = (
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


def _info(kind: _Kind, headers: list[Header]) -> CheckpointInfo:
    weights: Counter[str] = Counter()
    for header in headers:
        for info in header.tensors.values():
            weights[info.dtype] += info.end - info.start
    most = weights.most_common(1)[0][0] if weights else ""
    return CheckpointInfo(
        kind=kind.kind,
        family=kind.family,
        prediction=kind.prediction,
        label=kind.label,
        dtype=DTYPE_LABELS.get(most, most.lower()),
        mib=round(sum(header.file_bytes for header in headers) / 2**20, 1),
        rank=kind.rank,
    )


def _begins(header: Header, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in header.tensors)


def _holds(header: Header, *any_of: str) -> bool:
    return any(name in header.tensors for name in any_of)


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _a(label: str) -> str:
    """ "an SDXL checkpoint", "a VAE": letters that are spoken one by one count as they sound."""
    spoken = ("SD", "IA3", "IP-")
    return ("an " if label.startswith(spoken) or label[0] in "AEIOaeiou" else "a ") + label
