"""Building a model's networks and filling them from files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lorabake.core.errors import ModelFileError
from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families import model_config, shapes, single_file
from lorabake.engine.families.family import AUTO, FAMILIES, Prediction
from lorabake.engine.families.folder import part_files, plain_sources, read_config
from lorabake.engine.families.light_imports import light_imports
from lorabake.engine.families.model import Model
from lorabake.engine.families.weights import Source, TensorFile, empty, fill
from lorabake.engine.identify import CheckpointInfo, require_base

Config = Mapping[str, Any]
TOLD_SIZES = 6  # numbers that tell SDXL's U-Net sizes and crop
VOCABULARY = 49408  # of the tokenizers, which are the same in every family


@dataclass(frozen=True)
class Wanted:
    """What the user says of a model: "auto" believes the file. See `families.load_model`."""

    family: str = AUTO
    prediction: str = AUTO
    zero_terminal_snr: str = AUTO

    def prediction_of(self, found: CheckpointInfo) -> Prediction:
        told = found.prediction if self.prediction == AUTO else self.prediction
        return "v" if told == "v" else "epsilon"

    def starts_from_noise(self, found: CheckpointInfo) -> bool:
        if self.zero_terminal_snr == AUTO:
            return found.zero_terminal_snr
        return self.zero_terminal_snr == "on"


@dataclass(frozen=True)
class Part:
    """Where one network comes from. sources: see `weights.fill`, given the network's own keys."""

    config: Config
    files: list[TensorFile]
    sources: Callable[[Iterable[str]], Mapping[str, Source]]


def load(
    base: Path,
    wanted: Wanted,
    *,
    vae: Path | None,
    device: str | torch.device,
    dtype: torch.dtype | None,
    vae_dtype: torch.dtype | None,
    parts: tuple[str, ...] | None,
) -> Model:
    """See `lorabake.engine.families.load_model`."""
    about = require_base(base, wanted.family)
    family = FAMILIES[about.family or ""]
    own = [name for name in family.parts if vae is None or name != "vae"]
    read = _folder_parts if base.is_dir() else _single_file_parts
    found = read(base, own, family.name)
    if vae is not None:
        found["vae"] = _other_vae(vae, family.name)
    scheduler = model_config(base, "scheduler", family.name)
    _check_fit(base.name, {name: part.config for name, part in found.items()}, family.name)
    _check_numbers(base.name, found["vae"].config, scheduler, wanted, family.name)
    networks: dict[str, nn.Module] = {}
    for name in family.parts if parts is None else [n for n in family.parts if n in parts]:
        part = found[name]
        network = _build(name, part.config)
        networks[name] = fill(
            network,
            part.files,
            part.sources(network.state_dict()),
            device=device,
            dtype=(vae_dtype if name == "vae" else dtype) or torch.float32,
        )
    return Model(
        parts=networks,
        configs={name: part.config for name, part in found.items()},
        tokenizer=tokenizer_l(),
        tokenizer_2=tokenizer_g() if "text_encoder_2" in family.parts else None,
        scheduler_config=scheduler,
        base_path=base,
        device=torch.device(device),
        dtype=dtype or torch.float32,
        family=family.name,
        prediction=wanted.prediction_of(about),
        zero_terminal_snr=wanted.starts_from_noise(about),
    )


def skeleton(base: Path, family_name: str = AUTO) -> Model:
    """The networks of a checkpoint without their weights: for what needs only names and shapes."""
    family = FAMILIES[require_base(base, family_name).family or ""]
    configs = {
        name: model_config(base, name, family.name) for name in family.parts if name != "vae"
    }
    return Model(
        parts={name: _build(name, config) for name, config in configs.items()},
        configs=configs,
        tokenizer=tokenizer_l(),
        tokenizer_2=None,
        scheduler_config={},
        base_path=base,
        device=torch.device("meta"),
        dtype=torch.float32,
        family=family.name,
    )


def _folder_parts(folder: Path, names: Iterable[str], family: str) -> dict[str, Part]:
    return {name: _folder_part(folder / name, model_config(folder, name, family)) for name in names}


def _folder_part(folder: Path, config: Config) -> Part:
    files = [TensorFile(path) for path in part_files(folder)]
    return Part(config, files, partial(_plain, files))


def _plain(files: list[TensorFile], keys: Iterable[str]) -> Mapping[str, Source]:
    available = {name for file in files for name in file.header.tensors}
    return {key: (name, None) for key, name in plain_sources(keys, available).items()}


def _single_file_parts(path: Path, names: Iterable[str], family: str) -> dict[str, Part]:
    file = TensorFile(path)
    configs = {name: shapes.part_config(file.header, name, path.name, family) for name in names}
    sources = partial(single_file.sources, family=family, available=file.header.tensors)
    return {
        name: Part(config, [file], partial(sources, name, config))
        for name, config in configs.items()
    }


def _other_vae(path: Path, family: str) -> Part:
    """A VAE from elsewhere: a diffusers folder or a file in either layout."""
    if path.is_dir():
        folder = path / "vae" if (path / "vae").is_dir() else path
        return _folder_part(
            folder, shapes.shipped_config("vae", family) | read_config(folder, "vae")
        )
    file = TensorFile(path)
    config, prefix = shapes.vae_file_config(file.header, path.name, family)
    if prefix is None:
        return Part(config, [file], partial(_plain, [file]))
    return Part(config, [file], partial(single_file.vae_sources, config, prefix=prefix))


def _check_fit(name: str, configs: Mapping[str, Config], family: str) -> None:
    """Raise when the parts, each whole, do not belong together."""
    unet, first = configs["unet"], configs["text_encoder"]
    second = configs.get("text_encoder_2")
    words = {config["vocab_size"] for config in (first, second) if config} == {VOCABULARY}
    if second is None:
        listens = unet["cross_attention_dim"] == first["hidden_size"]
    else:
        told = unet.get("projection_class_embeddings_input_dim", 0) - second["projection_dim"]
        listens = (
            unet["cross_attention_dim"] == first["hidden_size"] + second["hidden_size"]
            and unet.get("addition_time_embed_dim") == told / TOLD_SIZES
        )
    scale = configs["vae"]["scaling_factor"]
    others = [other.scaling_factor for other in FAMILIES.values() if other.name != family]
    fit = {
        "VAE": configs["vae"]["latent_channels"] == unet["in_channels"] and scale not in others,
        "text encoders": listens and words,
    }
    for part, fits in fit.items():
        if not fits:
            raise ModelFileError(
                f"The {part} used with {name} belong to another kind of model than its U-Net. "
                "Choose others, or a checkpoint that has its own."
            )


def _check_numbers(name: str, vae: Config, scheduler: Config, wanted: Wanted, family: str) -> None:
    """Raise when the numbers that everything is multiplied by cannot be right."""
    scale = vae["scaling_factor"]
    if not isinstance(scale, int | float) or not 0 < scale < 1000:
        raise ModelFileError(
            f"The VAE used with {name} has an impossible scaling_factor. Choose another VAE."
        )
    label = FAMILIES[family].label
    betas = (scheduler["beta_start"], scheduler["beta_end"])
    if (
        scheduler["beta_schedule"] != "scaled_linear"
        or scheduler["num_train_timesteps"] != 1000
        or not all(isinstance(beta, float) and 0 < beta < 1 for beta in betas)
    ):
        raise ModelFileError(
            f"{name} was made with another noise schedule than {label}'s, which cannot be trained "
            f"on. Choose another {label} checkpoint."
        )
    told = scheduler["prediction_type"]
    if wanted.prediction == AUTO and told not in ("epsilon", "v_prediction"):
        raise ModelFileError(
            f"{name} predicts neither noise nor velocity ({str(told)[:40]}), which cannot be "
            f"trained on. Choose another {label} checkpoint."
        )


def _build(part: str, config: Config) -> nn.Module:
    """A network of one part, without memory for its weights."""
    with light_imports():
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    makers: dict[str, Callable[[], Any]] = {
        "unet": lambda: UNet2DConditionModel.from_config(dict(config)),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**_text_settings(part, config))),
        "text_encoder_2": lambda: CLIPTextModelWithProjection(
            CLIPTextConfig(**_text_settings(part, config))
        ),
        "vae": lambda: AutoencoderKL.from_config(dict(config)),
    }
    try:
        return empty(makers[part])
    except Exception as error:  # the libraries complain about a stranger's settings in many ways
        raise ModelFileError(
            f"The model's {part} has settings that do not make a network ({str(error)[:120]}). "
            "Get another copy of this model."
        ) from error


def _text_settings(part: str, config: Config) -> dict[str, Any]:
    """The settings that make a text encoder; others could ask transformers to fetch code."""
    known = shapes.shipped_config(part)
    return {key: value for key, value in config.items() if key in known}
