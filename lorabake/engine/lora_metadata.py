"""The notes in a LoRA file: what other programs show, search for and check.

`ss_…` are those of the kohya trainers, `modelspec.…` those of Stability's model card format,
`lorabake.…` our own. Every value is text. No path of this computer and no secret goes in: model and
concept names are names of files and folders only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import lorabake
from lorabake.core.dataset import Dataset
from lorabake.core.settings import from_mapping
from lorabake.core.toml import dump_toml
from lorabake.engine.base_hash import BaseIdentity
from lorabake.engine.lora_dataset_notes import dataset_notes, tag_frequency
from lorabake.engine.networks.notes import network_notes
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.optimizers import optimizer_settings, schedule_of

__all__ = ["Progress", "lora_metadata", "tag_frequency", "without_paths"]

_FAMILIES = {
    # family: (ss_base_model_version, modelspec.architecture, modelspec.implementation)
    "sdxl": (
        "sdxl_base_v1-0",
        "stable-diffusion-xl-v1-base/lora",
        "https://github.com/Stability-AI/generative-models",
    ),
    "sd15": ("sd_v1", "stable-diffusion-v1/lora", "diffusers"),
}

# What the kohya trainers write for things that are not used here.
_UNUSED = {
    "ss_full_fp16": "False",
    "ss_v2": "False",
    "ss_lowram": "False",
    "ss_adaptive_noise_scale": "None",
    "ss_face_crop_aug_range": "None",
    "ss_sd_scripts_commit_hash": "None",
    "ss_fp8_base": "False",
    "ss_fp8_base_unet": "False",
    "ss_max_validation_steps": "None",
    "ss_validate_every_n_steps": "None",
    "ss_resize_interpolation": "None",
}

# The classes behind our names, as the kohya trainers note them.
_OPTIMIZER_CLASSES = {
    "adamw": "torch.optim.adamw.AdamW",
    "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit",
    "came": "pytorch_optimizer.optimizer.came.CAME",
    "prodigy": "pytorch_optimizer.optimizer.prodigy.Prodigy",
    "adafactor": "pytorch_optimizer.optimizer.adafactor.AdaFactor",
    "lion": "pytorch_optimizer.optimizer.lion.Lion",
    "adamw_schedulefree": "pytorch_optimizer.optimizer.schedulefree.ScheduleFreeAdamW",
    "dadapt_adam": "pytorch_optimizer.optimizer.dadapt.DAdaptAdam",
}


@dataclass(frozen=True)
class Progress:
    """Where the training is when the file is written.

    started, finished: seconds since 1970. session: a number of this training. loss: of the epoch.
    """

    epoch: int
    step: int
    started: float
    finished: float
    session: int
    loss: float | None = None


def lora_metadata(
    recipe: Mapping[str, Any],
    *,
    name: str,
    plan: Mapping[str, Any],
    dataset: Dataset,
    base: BaseIdentity,
    progress: Progress,
    vae: BaseIdentity | None = None,
    prediction: str = "epsilon",
    zero_terminal_snr: bool | None = None,
) -> dict[str, str]:
    """All notes of one file; `save_lora` adds the hashes of the file itself.

    recipe: the tables of the recipe's TOML form. name: of the run, without epoch and suffix.
    plan: `Plan.to_mapping()`. prediction: "epsilon" or "v". zero_terminal_snr: of the model; None
    takes the recipe's word.
    """
    return {
        **_UNUSED,
        **_training(recipe, plan, progress),
        **_network(recipe),
        **_optimizer(recipe, plan),
        **_noise(recipe, zero_terminal_snr),
        **_data(recipe, plan),
        **dataset_notes(recipe, plan, dataset),
        **_base(recipe, base, vae),
        "ss_output_name": name,
        **_modelspec(recipe, name, dataset, progress, prediction),
        "lorabake.version": lorabake.__version__,
        "lorabake.recipe": dump_toml(without_paths(recipe)),
        **({} if progress.loss is None else {"lorabake.loss": f"{progress.loss:.6g}"}),
    }


def without_paths(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as it may leave this computer: files by name only, and nothing of other trainers' files."""
    result = {key: value for key, value in recipe.items() if key != "kept"}
    for group, keys in (("model", ("base", "vae")), ("network", ("network_weights",))):
        table = dict(recipe.get(group, {}))
        for key in keys:
            if key in table:
                table[key] = _file_name(str(table[key]))
        result[group] = table
    return result


def _file_name(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name


def _training(
    recipe: Mapping[str, Any], plan: Mapping[str, Any], progress: Progress
) -> dict[str, str]:
    general = recipe["general"]
    batch, accumulation = general["batch_size"], general["gradient_accumulation_steps"]
    return _texts(
        ss_session_id=progress.session,
        ss_training_started_at=progress.started,
        ss_training_finished_at=progress.finished,
        ss_num_train_images=plan["seen_per_epoch"],
        ss_num_batches_per_epoch=plan["batches_per_epoch"],
        ss_num_epochs=plan["epochs"],
        ss_epoch=progress.epoch,
        ss_steps=progress.step,
        ss_max_train_steps=plan["total_steps"],
        ss_gradient_checkpointing=general["gradient_checkpointing"] != "off",
        ss_gradient_accumulation_steps=accumulation,
        ss_mixed_precision=general["mixed_precision"],
        ss_clip_skip=general["clip_skip"] if recipe["family"] == "sd15" else None,
        ss_max_token_length=general["max_token_length"],
        ss_cache_latents=general["cache_latents"],
        ss_seed=general["seed"],
        ss_batch_size_per_device=batch,
        ss_total_batch_size=batch * accumulation,
        ss_resolution=f"({general['resolution']}, {general['resolution']})",
    )


def _network(recipe: Mapping[str, Any]) -> dict[str, str]:
    network = recipe["network"]
    return {
        **network_notes(from_mapping(NetworkSettings, network)),
        **_texts(ss_network_dropout=network["network_dropout"] or None),
    }


def _optimizer(recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, str]:
    """The optimizer, its rates and loss. The schedule is the one that was really followed."""
    optimizer = recipe["optimizer"]
    name = optimizer["type"]
    args = ",".join(f"{key}={value}" for key, value in _optimizer_args(name, optimizer).items())
    encoders = [optimizer["text_encoder_lr"], optimizer["text_encoder_2_lr"]]
    return _texts(
        ss_optimizer=f"{_OPTIMIZER_CLASSES.get(name, name)}({args})",
        ss_learning_rate=optimizer["unet_lr"],
        ss_unet_lr=optimizer["unet_lr"],
        ss_text_encoder_lr=encoders if encoders[1] >= 0 else encoders[0],
        ss_lr_scheduler=schedule_of(name, optimizer["lr_scheduler"]),
        ss_lr_warmup_steps=plan["warmup_steps"],
        ss_loss_type=optimizer["loss_type"],
        ss_huber_schedule=optimizer["huber_schedule"],
        ss_huber_c=optimizer["huber_c"],
        ss_huber_scale=optimizer["huber_scale"],
        ss_min_snr_gamma=optimizer["min_snr_gamma"] or None,
        ss_debiased_estimation=optimizer["debiased_estimation_loss"],
        ss_max_grad_norm=optimizer["max_grad_norm"],
        ss_scale_weight_norms=optimizer["scale_weight_norms"] or None,
    )


def _optimizer_args(name: str, optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Pairs of numbers as Python writes them. Adafactor says what others take for granted."""
    args = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in optimizer["args"].items()
    }
    if name == "adafactor":
        meant = optimizer_settings(name, args)
        args |= {key: getattr(meant, key) for key in ("relative_step", "scale_parameter")}
    return args


def _noise(recipe: Mapping[str, Any], zero_terminal_snr: bool | None) -> dict[str, str]:
    noise = recipe["noise"]
    if zero_terminal_snr is None:
        zero_terminal_snr = recipe["model"]["zero_terminal_snr"] == "on"
    return _texts(
        ss_noise_offset=noise["noise_offset"] or None,
        ss_noise_offset_random_strength=noise["noise_offset_random_strength"],
        ss_multires_noise_iterations=noise["multires_noise_iterations"] or None,
        ss_multires_noise_discount=noise["multires_noise_discount"],
        ss_ip_noise_gamma=recipe["network"]["ip_noise_gamma"] or None,
        ss_ip_noise_gamma_random_strength=noise["ip_noise_gamma_random_strength"],
        ss_zero_terminal_snr=zero_terminal_snr,
    )


def _data(recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, str]:
    captions, validation = recipe["captions"], recipe["validation"]
    held_out = validation["validation_split"]
    return _texts(
        ss_num_reg_images=plan.get("reg_images", 0),
        ss_num_validation_images=plan.get("validation_images", 0),
        ss_prior_loss_weight=recipe["general"]["prior_loss_weight"],
        ss_caption_dropout_rate=captions["caption_dropout_rate"],
        ss_caption_dropout_every_n_epochs=captions["caption_dropout_every_n_epochs"],
        ss_caption_tag_dropout_rate=captions["caption_tag_dropout_rate"],
        ss_validation_split=held_out,
        ss_validation_seed=recipe["general"]["seed"] if held_out else None,
        ss_validate_every_n_epochs=validation["validate_every_n_epochs"] if held_out else None,
        ss_training_comment=recipe["general"]["training_comment"] or None,
    )


def _base(
    recipe: Mapping[str, Any], base: BaseIdentity, vae: BaseIdentity | None
) -> dict[str, str]:
    texts = {
        "ss_base_model_version": _FAMILIES[recipe["family"]][0],
        "ss_sd_model_name": base.name,
        "ss_sd_model_hash": base.legacy,
        "ss_new_sd_model_hash": base.sha256,
    }
    if vae is not None:
        texts |= {
            "ss_vae_name": vae.name,
            "ss_vae_hash": vae.legacy,
            "ss_new_vae_hash": vae.sha256,
        }
    else:
        texts |= dict.fromkeys(("ss_vae_name", "ss_vae_hash", "ss_new_vae_hash"), "None")
    return texts


def _modelspec(
    recipe: Mapping[str, Any], name: str, dataset: Dataset, progress: Progress, prediction: str
) -> dict[str, str]:
    _, architecture, implementation = _FAMILIES[recipe["family"]]
    resolution = recipe["general"]["resolution"]
    triggers = list(
        dict.fromkeys(c.trigger for c in dataset.concepts if c.trigger and not c.is_reg)
    )
    finished = datetime.fromtimestamp(progress.finished, tz=UTC).replace(microsecond=0)
    spec = {
        "sai_model_spec": "1.0.1",
        "architecture": architecture,
        "implementation": implementation,
        "implementation_version": f"lorabake/{lorabake.__version__}",
        "title": name,
        "resolution": f"{resolution}x{resolution}",
        "date": finished.isoformat().replace("+00:00", "Z"),
        "prediction_type": prediction,
    }
    if recipe.get("description"):
        spec["description"] = str(recipe["description"])
    if recipe["family"] == "sd15":
        spec["encoder_layer"] = str(recipe["general"]["clip_skip"])
    if triggers and recipe["captions"]["keep_tokens"]:
        spec["trigger_phrase"] = ", ".join(triggers)
        spec["usage_hint"] = f"Put {' or '.join(triggers)} at the front of the prompt."
    return {f"modelspec.{key}": text for key, text in spec.items()}


def _texts(**values: Any) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}
