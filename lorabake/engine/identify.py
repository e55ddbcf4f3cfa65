"""Saying what a model file is, from the names and shapes of its tensors alone. No torch here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError
from lorabake.engine.checkpoint_file import Header, read_header
from lorabake.engine.families import folder as folders
from lorabake.engine.families.family import AUTO, FAMILIES
from lorabake.engine.file_kinds import TEXT_WIDTHS, Kind, checkpoint_kind, kind_of

DTYPE_LABELS = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F64": "fp64"} | {
    "F8_E4M3": "fp8",
    "F8_E5M2": "fp8",
}


@dataclass(frozen=True)
class CheckpointInfo:
    """What a model file is.

    kind: "checkpoint", "refiner", "inpainting", "unet", "vae", "lora", "controlnet", "upscaler",
    "text encoder", "textual inversion", "adapter" or "unknown".
    family: "sdxl", "sd15", "sd2", "sd3", "flux" or None. prediction: "epsilon", "v" or None.
    label: what it is, to follow "is a". dtype: of most of its numbers. rank: of a LoRA.
    zero_terminal_snr: whether a checkpoint says that its noise ends in pure noise.
    """

    kind: str
    family: str | None
    prediction: str | None
    label: str
    dtype: str
    mib: float
    rank: int | None = None
    zero_terminal_snr: bool = False


def identify(path: Path) -> CheckpointInfo:
    """What a `.safetensors` file or diffusers folder is. Reads headers and configs only.

    Raises ModelFileError for files that cannot be read safely.
    """
    if path.is_dir():
        return _identify_folder(path)
    header = read_header(path)
    return _info(kind_of(header), [header])


def require_base(path: Path, family: str = AUTO) -> CheckpointInfo:
    """The same, for what must be a checkpoint to train on; raises with what it is instead.

    family: "auto", or what the user says a checkpoint is; loading shows whether that holds.
    """
    info = identify(path)
    if info.kind == "checkpoint" and family in FAMILIES:
        return replace(info, family=family)
    if info.kind == "checkpoint" and info.family in FAMILIES:
        return info
    if info.kind in ("checkpoint", "refiner", "inpainting"):
        advice = "which cannot be trained on; choose an SD 1.5 or SDXL checkpoint"
        raise ModelFileError(f"{path.name} is {_a(info.label)}, {advice}.")
    advice = {
        "lora": "choose the checkpoint it was made for",
        "unet": "choose the file with its text encoders",
        "vae": "choose a checkpoint, and this as its VAE",
    }.get(info.kind, "choose an SD 1.5 or SDXL checkpoint")
    raise ModelFileError(f"{path.name} is {_a(info.label)}, not a base model; {advice}.")


def _identify_folder(path: Path) -> CheckpointInfo:
    if not folders.is_folder_model(path):
        return _info(_other_folder(path), [])
    headers = [
        read_header(file)
        for part in folders.CLASSES
        if (path / part).is_dir()
        for file in folders.part_files(path / part)
    ]
    unet = folders.read_config(path / "unet", "unet")
    scheduler = folders.read_config(path / "scheduler", "scheduler")
    return _info(_folder_kind(unet, scheduler, path), headers)


def _folder_kind(unet: Mapping[str, Any], scheduler: Mapping[str, Any], path: Path) -> Kind:
    prediction = "v" if scheduler.get("prediction_type") == "v_prediction" else "epsilon"
    sized = unet.get("addition_embed_type") == "text_time"
    if sized and not (path / "text_encoder").is_dir():
        return Kind("refiner", "sdxl", "SDXL refiner", prediction)
    family = "sdxl" if sized else TEXT_WIDTHS.get(_number(unet.get("cross_attention_dim")))
    if family is None and not unet.get("use_linear_projection") and _listens_to_clip_l(unet, path):
        family = "sd15"  # of another size
    from_noise = scheduler.get("rescale_betas_zero_snr") is True
    return checkpoint_kind(family, _number(unet.get("in_channels")), prediction, from_noise)


def _listens_to_clip_l(unet: Mapping[str, Any], path: Path) -> bool:
    """Whether a folder's only text encoder is of the kind of SD 1.5's, and fits its U-Net."""
    if not (path / "text_encoder").is_dir() or (path / "text_encoder_2").is_dir():
        return False
    text = folders.read_config(path / "text_encoder", "text_encoder")
    width = _number(unet.get("cross_attention_dim"))
    return text.get("hidden_act") == "quick_gelu" and width == text["hidden_size"]


def _other_folder(path: Path) -> Kind:
    """What a folder holds that is not a model with a U-Net, by the class that its config names."""
    for name in ("model_index.json", "config.json"):
        if (path / name).is_file():
            made = str(folders.read_json(path / name).get("_class_name", ""))
            kind = next((kind for start, kind in _CLASSES.items() if made.startswith(start)), None)
            return kind or Kind("unknown", None, f"{made[:60] or 'model'} that lorabake cannot use")
    if (path / "adapter_config.json").is_file():
        return Kind("lora", None, "LoRA")
    raise ModelFileError(
        f"{path.name} is a folder without a model in it (unet/config.json is missing). "
        "Choose a .safetensors file, or a folder as diffusers writes it."
    )


_CLASSES = {
    "StableDiffusion3": Kind("checkpoint", "sd3", "SD 3 checkpoint"),
    "Flux": Kind("checkpoint", "flux", "Flux checkpoint"),
    "AutoencoderKL": Kind("vae", None, "VAE"),
    "ControlNet": Kind("controlnet", None, "ControlNet"),
    "UNet2DConditionModel": Kind("unet", None, "diffusion U-Net without its text encoders"),
}


def _info(kind: Kind, headers: list[Header]) -> CheckpointInfo:
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
        zero_terminal_snr=kind.zero_terminal_snr,
    )


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _a(label: str) -> str:
    """ "an SDXL checkpoint", "a VAE": letters that are spoken one by one count as they sound."""
    spoken = ("SD", "IA3", "IP-", "LTX")
    return ("an " if label.startswith(spoken) or label[0] in "AEIOaeiou" else "a ") + label
