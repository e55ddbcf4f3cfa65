"""The settings of a finished LoRA, from the notes in its file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lorabake.recipe.exchange.arguments import Arguments, Table
from lorabake.recipe.exchange.names import ARGUMENTS, DATASET, SUBSET

_OTHER = {
    "ss_sd_model_name": "pretrained_model_name_or_path",
    "ss_vae_name": "vae",
    "ss_learning_rate": "learning_rate",
    "ss_unet_lr": "unet_lr",
    "ss_text_encoder_lr": "text_encoder_lr",
    "ss_lr_scheduler": "lr_scheduler",
    "ss_lr_warmup_steps": "lr_warmup_steps",
    "ss_gradient_checkpointing": "gradient_checkpointing",
    "ss_zero_terminal_snr": "zero_terminal_snr",
    "ss_output_name": "output_name",
    "ss_debiased_estimation": "debiased_estimation_loss",
    "ss_fp8_base": "fp8_base",
    "ss_lowram": "lowram",
    "ss_full_fp16": "full_fp16",
}
MAX_JSON = 500_000


def has_settings(metadata: Mapping[str, str]) -> bool:
    """Whether the file says how it was trained."""
    return "ss_network_dim" in metadata or "ss_learning_rate" in metadata


def read_metadata(metadata: Mapping[str, str]) -> Arguments:
    """The `ss_…` notes as arguments; "None" is a setting that was not used."""
    values = {key: _value(text) for key, text in metadata.items() if key.startswith("ss_")}
    found = Arguments()
    for name, _, _ in ARGUMENTS:
        _take(values, f"ss_{name}", found.args, name)
    for note, name in _OTHER.items():
        _take(values, note, found.args, name)
    for name, _, _ in DATASET:
        _take(values, f"ss_{name}", found.dataset, name)
    for switch in ("fp8_base", "lowram", "full_fp16"):  # off is nothing to tell
        if not found.args.get(switch):
            found.args.pop(switch, None)
    version = metadata.get("ss_base_model_version", "")
    found.args |= {"sdxl": version.startswith("sdxl"), "save_precision": "fp16"}
    if metadata.get("modelspec.prediction_type") == "v":
        found.args["v_parameterization"] = True
    if isinstance(epochs := values.get("ss_num_epochs"), int) and epochs > 0:
        found.args["max_train_epochs"] = epochs
    found.dataset["batch_size"] = values.get("ss_batch_size_per_device") or 1
    found.dataset["resolution"] = _resolution(metadata.get("ss_resolution", "")) or 512
    _optimizer(metadata.get("ss_optimizer", ""), found)
    network = _json(metadata.get("ss_network_args", ""))
    found.network = network if isinstance(network, dict) else {}
    _folders(metadata, values, found)
    return found


def _take(values: Table, note: str, target: Table, name: str) -> None:
    if values.get(note) is not None:
        target[name] = values[note]


def _value(text: str) -> Any:
    """What Python's str() made of a value, read back."""
    if text in ("None", ""):
        return None
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[:2000]


def _json(text: str) -> Any:
    if len(text) > MAX_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _resolution(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,5}", text)[:2]]


def _optimizer(text: str, found: Arguments) -> None:
    """ "pkg.came.CAME(weight_decay=0.08,betas=0.9,0.99)" """
    name, _, rest = text[:2000].partition("(")
    found.args["optimizer_type"] = name
    for part in re.split(r",\s*(?=[A-Za-z_]\w*=)", rest.removesuffix(")")):
        key, equals, value = part.partition("=")
        if equals:
            found.optimizer[key.strip()] = value.strip()


def _folders(metadata: Mapping[str, str], values: Table, found: Arguments) -> None:
    described = _json(metadata.get("ss_datasets", ""))
    for part in described if isinstance(described, list) else []:
        if not isinstance(part, dict):
            continue
        for name, _, _ in DATASET:
            if part.get(name) is not None:
                found.dataset[name] = part[name]
        if part.get("batch_size_per_device"):
            found.dataset["batch_size"] = part["batch_size_per_device"]
        if part.get("resolution"):
            found.dataset["resolution"] = part["resolution"]
        subsets = part.get("subsets")
        for folder in subsets if isinstance(subsets, list) else []:
            if isinstance(folder, dict):
                found.subsets.append(_folder(folder))
    if found.subsets:
        return
    common: Table = {}
    for name, _, _ in SUBSET:
        _take(values, f"ss_{name}", common, name)
    for note, reg in (("ss_dataset_dirs", False), ("ss_reg_dataset_dirs", True)):
        folders = _json(metadata.get(note, ""))
        for name, about in folders.items() if isinstance(folders, dict) else ():
            repeats = about.get("n_repeats", 1) if isinstance(about, dict) else 1
            subset = {"image_dir": str(name), "num_repeats": repeats, **common}
            found.subsets.append(subset | ({"is_reg": True} if reg else {}))


def _folder(about: Table) -> Table:
    known = {name for name, _, _ in SUBSET} | {"image_dir", "num_repeats", "is_reg"}
    return {key: value for key, value in about.items() if key in known and value is not None}
