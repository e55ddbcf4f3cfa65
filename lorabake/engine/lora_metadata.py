"""The notes in a LoRA file: what other programs show, search for and check.

`ss_…` are those of the kohya trainers, `modelspec.…` those of Stability's model card format,
`lorabake.…` our own. Every value is text. No path of this computer and no secret goes in: model and
concept names are names of files and folders only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import lorabake
from lorabake.core.dataset import Concept, Dataset
from lorabake.core.toml import dump_toml
from lorabake.engine.base_hash import BaseIdentity

MAX_TAG_BYTES = 400_000  # readers refuse headers with more than 1 MiB of notes

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
    "ss_num_validation_images": "0",
    "ss_num_reg_images": "0",
    "ss_network_dropout": "None",
    "ss_full_fp16": "False",
    "ss_v2": "False",
    "ss_lowram": "False",
    "ss_noise_offset": "None",
    "ss_noise_offset_random_strength": "False",
    "ss_multires_noise_iterations": "None",
    "ss_multires_noise_discount": "0.3",
    "ss_adaptive_noise_scale": "None",
    "ss_ip_noise_gamma_random_strength": "False",
    "ss_zero_terminal_snr": "False",
    "ss_scale_weight_norms": "None",
    "ss_debiased_estimation": "False",
    "ss_huber_schedule": "snr",
    "ss_huber_scale": "1.0",
    "ss_huber_c": "0.1",
    "ss_prior_loss_weight": "1.0",
    "ss_caption_dropout_rate": "0.0",
    "ss_caption_dropout_every_n_epochs": "0",
    "ss_caption_tag_dropout_rate": "0.0",
    "ss_face_crop_aug_range": "None",
    "ss_training_comment": "None",
    "ss_sd_scripts_commit_hash": "None",
    "ss_fp8_base": "False",
    "ss_fp8_base_unet": "False",
    "ss_validation_seed": "None",
    "ss_validation_split": "0.0",
    "ss_max_validation_steps": "None",
    "ss_validate_every_n_epochs": "None",
    "ss_validate_every_n_steps": "None",
    "ss_resize_interpolation": "None",
    "ss_color_aug": "False",
    "ss_flip_aug": "False",
    "ss_random_crop": "False",
    "ss_bucket_no_upscale": "False",
    "ss_reg_dataset_dirs": "{}",
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
) -> dict[str, str]:
    """All notes of one file; `save_lora` adds the hashes of the file itself.

    recipe: the tables of the recipe's TOML form. name: of the run, without epoch and suffix.
    plan: `Plan.to_mapping()`. prediction: "epsilon" or "v".
    """
    return {
        **_UNUSED,
        **_training(recipe, plan, progress),
        **_network(recipe),
        **_optimizer(recipe, plan),
        **_dataset(recipe, plan, dataset),
        **_base(recipe, base, vae),
        "ss_output_name": name,
        **_modelspec(recipe, name, dataset, progress, prediction),
        "lorabake.version": lorabake.__version__,
        "lorabake.recipe": dump_toml(without_paths(recipe)),
        **({} if progress.loss is None else {"lorabake.loss": f"{progress.loss:.6g}"}),
    }


def without_paths(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with model files by name only, as it may leave this computer."""
    model = dict(recipe.get("model", {}))
    for key in ("base", "vae"):
        if key in model:
            model[key] = _file_name(str(model[key]))
    return {**recipe, "model": model}


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
    args = {}
    if network["conv_dim"]:
        args = {"conv_dim": str(network["conv_dim"]), "conv_alpha": str(network["conv_alpha"])}
    return _texts(
        ss_network_module="networks.lora",
        ss_network_dim=network["network_dim"],
        ss_network_alpha=network["network_alpha"],
        ss_network_args=_json(args),
        ss_ip_noise_gamma=network["ip_noise_gamma"] or None,
    )


def _optimizer(recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, str]:
    optimizer = recipe["optimizer"]
    args = ",".join(f"{key}={value}" for key, value in optimizer["args"].items())
    return _texts(
        ss_optimizer=f"{optimizer['type']}({args})",
        ss_learning_rate=optimizer["unet_lr"],
        ss_unet_lr=optimizer["unet_lr"],
        ss_text_encoder_lr=optimizer["text_encoder_lr"],
        ss_lr_scheduler=optimizer["lr_scheduler"],
        ss_lr_warmup_steps=plan["warmup_steps"],
        ss_loss_type=optimizer["loss_type"],
        ss_min_snr_gamma=optimizer["min_snr_gamma"] or None,
        ss_max_grad_norm=optimizer["max_grad_norm"],
    )


def _dataset(
    recipe: Mapping[str, Any], plan: Mapping[str, Any], dataset: Dataset
) -> dict[str, str]:
    bucket, captions = recipe["bucket"], recipe["captions"]
    buckets = {
        "buckets": {
            str(number): {"resolution": [each["width"], each["height"]], "count": each["seen"]}
            for number, each in enumerate(plan["buckets"])
        }
    }
    shared = {
        "enable_bucket": bucket["enable_bucket"],
        "min_bucket_reso": bucket["min_bucket_reso"],
        "max_bucket_reso": bucket["max_bucket_reso"],
        "shuffle_caption": captions["shuffle_caption"],
        "keep_tokens": captions["keep_tokens"],
    }
    folders = {
        concept.folder.name: {"n_repeats": concept.repeats, "img_count": len(concept.images)}
        for concept in dataset.concepts
    }
    described = {
        "is_dreambooth": True,
        "batch_size_per_device": recipe["general"]["batch_size"],
        "num_train_images": plan["seen_per_epoch"],
        "num_reg_images": 0,
        "resolution": [recipe["general"]["resolution"]] * 2,
        "enable_bucket": bucket["enable_bucket"],
        "min_bucket_reso": bucket["min_bucket_reso"],
        "max_bucket_reso": bucket["max_bucket_reso"],
        "bucket_info": buckets,
        "subsets": [_subset(concept, captions) for concept in dataset.concepts],
    }
    return {
        **_texts(**{f"ss_{key}": value for key, value in shared.items()}),
        "ss_bucket_info": _json(buckets),
        "ss_dataset_dirs": _json(folders),
        "ss_datasets": _json([described]),
        "ss_tag_frequency": _json(tag_frequency(dataset)),
    }


def _subset(concept: Concept, captions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "img_count": len(concept.images),
        "num_repeats": concept.repeats,
        "color_aug": False,
        "flip_aug": False,
        "random_crop": False,
        "shuffle_caption": captions["shuffle_caption"],
        "keep_tokens": captions["keep_tokens"],
        "image_dir": concept.folder.name,
        "class_tokens": concept.trigger or None,
        "is_reg": False,
    }


def tag_frequency(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many pictures of each folder have each tag, the most frequent first.

    Where the lists grow too long for a file's header, the rarest tags are left out.
    """
    counted = {
        concept.folder.name: Counter(tag for image in concept.images for tag in image.caption.tags)
        for concept in dataset.concepts
    }
    keep = max((len(tags) for tags in counted.values()), default=0)
    while True:
        result = {folder: dict(tags.most_common(keep)) for folder, tags in counted.items()}
        if len(_json(result)) <= MAX_TAG_BYTES or keep < 2:
            return result
        keep //= 2


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
    triggers = list(dict.fromkeys(c.trigger for c in dataset.concepts if c.trigger))
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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(**values: Any) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}
