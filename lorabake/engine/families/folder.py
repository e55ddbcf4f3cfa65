"""A model as a diffusers folder: what its configs say and which files hold its weights.

Only `config.json` files and `.safetensors` are ever opened. No torch here.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError

MAX_JSON_BYTES = 8 * 2**20

CLASSES = {
    "unet": "UNet2DConditionModel",
    "text_encoder": "CLIPTextModel",
    "text_encoder_2": "CLIPTextModelWithProjection",
    "vae": "AutoencoderKL",
}
# What a config must say, as whole numbers, for everything that asks it before the network is made.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "unet": ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim"),
    "text_encoder": ("hidden_size", "vocab_size"),
    "text_encoder_2": ("hidden_size", "vocab_size", "projection_dim"),
    "vae": ("latent_channels", "block_out_channels"),
}
# diffusers' and transformers' names of a part's weights, best first.
_STEMS = ("diffusion_pytorch_model", "model")
_VARIANTS = ("", ".fp16", ".bf16")

# Attention layers of VAEs that were saved before diffusers renamed them.
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def is_folder_model(path: Path) -> bool:
    """Whether this is a folder as diffusers writes it, of a whole model."""
    return (path / "unet" / "config.json").is_file()


def read_config(folder: Path, part: str) -> dict[str, Any]:
    """The config in one part's own folder, as what it must be ("unet", …, "scheduler")."""
    config = read_json(folder / ("scheduler_config.json" if part == "scheduler" else "config.json"))
    given = config.get("_class_name") or config.get("architectures")
    wanted = CLASSES.get(part)
    if wanted and given not in (None, wanted, [wanted]):
        raise ModelFileError(
            f"{folder.parent.name} is not an SD 1.5 or SDXL model (its {folder.name} is "
            f"{str(given)[:60]}). Choose a checkpoint of one of these."
        )
    _check_sizes(config, folder)
    for key in _NEEDED.get(part, ()):
        value = config.get(key)
        numbers = value if isinstance(value, list) and value else [value]
        if not all(type(number) is int for number in numbers):
            raise ModelFileError(
                f"{folder.name}/config.json does not say its {key}. Get another copy of this model."
            )
    return config


def _check_sizes(config: Mapping[str, Any], folder: Path) -> None:
    """Refuse settings that would build a network without end."""
    for key, value in config.items():
        many = value if isinstance(value, list) else [value]
        limit = 100 if "layers" in key else 1_000_000
        numbers = [item for item in many if isinstance(item, int | float)]
        if len(many) > 16 or any(not 0 <= number <= limit for number in map(abs, numbers)):
            raise ModelFileError(
                f"{folder.name}/config.json asks for a network of an impossible size ({key}). "
                "Get another copy of this model."
            )


def part_files(folder: Path) -> list[Path]:
    """The safetensors files that hold one part's weights: one, or the shards of an index."""
    for stem in _STEMS:
        for variant in _VARIANTS:
            whole = folder / f"{stem}{variant}.safetensors"
            if whole.is_file():
                return [whole]
            for index in (
                folder / f"{stem}.safetensors.index{variant}.json",
                folder / f"{stem}{variant}.safetensors.index.json",
            ):
                if index.is_file():
                    return _shards(index)
    if any(folder.glob("*.bin")):
        raise ModelFileError(
            f"{folder.name} holds its weights as .bin only, which can hide a program that runs "
            "when it is opened. Get the .safetensors version of this model."
        )
    raise ModelFileError(f"{folder.name} holds no .safetensors file. Get the complete model.")


def _shards(index: Path) -> list[Path]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not all(
        isinstance(name, str) and name == Path(name).name and name.endswith(".safetensors")
        for name in names.values()
    ):
        raise ModelFileError(f"{index.name} cannot be read. Get another copy of this model.")
    return [index.parent / name for name in dict.fromkeys(names.values())]


def plain_sources(keys: Iterable[str], available: Container[str]) -> dict[str, str]:
    """The tensor in the files for each weight, where both have the names of a diffusers folder.

    Text encoders are saved with or without `text_model.`, old VAEs with other attention names.
    """
    return {key: next((name for name in _spellings(key) if name in available), key) for key in keys}


def _spellings(key: str) -> Iterable[str]:
    yield key
    yield f"text_model.{key}"
    yield key.removeprefix("text_model.")
    for new, old in _OLD_ATTENTION.items():
        yield key.replace(f".{new}.", f".{old}.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a stranger, within limits."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError
    except FileNotFoundError:
        raise ModelFileError(
            f"{path.parent.parent.name} is not a complete model: {path.parent.name}/{path.name} "
            "is missing. Choose a folder that holds a whole model, or a .safetensors file."
        ) from None
    except (OSError, ValueError, RecursionError):
        raise ModelFileError(
            f"{path.parent.name}/{path.name} cannot be read. Get another copy of this model."
        ) from None
    return value
