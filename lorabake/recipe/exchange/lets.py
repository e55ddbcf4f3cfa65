"""The settings file of LoRA Easy Training Scripts: a table per part of its window, empty values left out."""

from __future__ import annotations

from typing import Any

from lorabake.recipe.exchange.arguments import Arguments, Table, pairs, text

_LISTS = {
    "network_args": "network",
    "optimizer_args": "optimizer",
    "lr_scheduler_args": "scheduler",
}
_TABLES = {
    "general_args": (
        "pretrained_model_name_or_path vae sdxl v2 v_parameterization no_half_vae lowram highvram "
        "scale_v_pred_loss_like_noise_pred full_fp16 full_bf16 fp8_base gradient_checkpointing "
        "cache_latents cache_latents_to_disk xformers sdpa mixed_precision seed clip_skip "
        "gradient_accumulation_steps max_token_length prior_loss_weight max_train_epochs "
        "max_train_steps keep_tokens_separator training_comment max_data_loader_n_workers "
        "persistent_data_loader_workers"
    ),
    "network_args": (
        "network_dim network_alpha min_timestep max_timestep network_train_unet_only fa "
        "network_train_text_encoder_only network_dropout cache_text_encoder_outputs ip_noise_gamma "
        "cache_text_encoder_outputs_to_disk network_weights dim_from_weights"
    ),
    "optimizer_args": (
        "optimizer_type lr_scheduler lr_scheduler_type lr_scheduler_num_cycles lr_scheduler_power "
        "learning_rate unet_lr text_encoder_lr warmup_ratio max_grad_norm loss_type huber_schedule "
        "huber_c scale_weight_norms min_snr_gamma zero_terminal_snr masked_loss"
    ),
    "saving_args": (
        "output_dir output_name save_precision save_model_as save_every_n_epochs "
        "save_every_n_steps save_last_n_epochs save_state resume tag_occurrence"
    ),
    "noise_args": "noise_offset multires_noise_iterations multires_noise_discount",
    "sample_args": "sample_sampler sample_every_n_epochs sample_every_n_steps sample_prompts",
    "logging_args": "logging_dir log_with log_prefix log_tracker_name",
}
_HOME = {name: table for table, listed in _TABLES.items() for name in listed.split()}
_DATASET_HOME = {"resolution": "general_args", "batch_size": "general_args"}
_BUCKET = {
    "enable_bucket",
    "min_bucket_reso",
    "max_bucket_reso",
    "bucket_reso_steps",
    "bucket_no_upscale",
}


def is_lets(contents: Table) -> bool:
    """Whether a TOML file is of this kind: parts of the window with `args` inside."""
    parts = [value for key, value in contents.items() if key.endswith("_args")]
    return any(isinstance(part, dict) and {"args", "dataset_args"} & part.keys() for part in parts)


def read_lets(contents: Table) -> Arguments:
    """All arguments, wherever they stand; a later table wins as in its trainer."""
    found = Arguments()
    for part in contents.values():
        if not isinstance(part, dict):
            continue
        args = part.get("args", {})
        if isinstance(args, dict):
            for key, value in args.items():
                if key in _LISTS:
                    getattr(found, _LISTS[key]).update(pairs(value))
                else:
                    found.args[key] = value
        if isinstance(part.get("dataset_args"), dict):
            found.dataset |= part["dataset_args"]
    subsets = contents.get("subsets", [])
    if isinstance(subsets, list):
        found.subsets = [folder for folder in subsets if isinstance(folder, dict)]
    # Some builds put these with the folders, sd-scripts puts them with the arguments.
    if "validation_split" in found.args:
        found.dataset.setdefault("validation_split", found.args.pop("validation_split"))
    return found


def lets_tables(given: Arguments, like: Table | None = None) -> Table:
    """The file's tables. `like`: an existing file, whose places for arguments are kept."""
    homes = _places(like or {}, "args")
    dataset_homes = _places(like or {}, "dataset_args")
    tables: Table = {"subsets": given.subsets} if given.subsets else {}
    for part in ("general_args", "network_args", "optimizer_args", "saving_args"):
        tables[part] = {"args": {}}
    for name, value in given.args.items():
        home = homes.get(name) or _HOME.get(name, "extra_args")
        written = text(value) if home == "extra_args" and name not in homes else value
        _table(tables, home, "args")[name] = written
    for name, value in given.dataset.items():
        default = "bucket_args" if name in _BUCKET else "extra_args"
        home = dataset_homes.get(name) or _DATASET_HOME.get(name, default)
        _table(tables, home, "dataset_args")[name] = value
    for name, home, table in (
        ("network_args", "network_args", given.network),
        ("optimizer_args", "optimizer_args", {k: text(v) for k, v in given.optimizer.items()}),
        ("lr_scheduler_args", "optimizer_args", given.scheduler),
    ):
        if table:
            _table(tables, home, "args")[name] = dict(table)
    return tables


def _table(tables: Table, home: str, kind: str) -> Table:
    found: Any = tables.setdefault(home, {}).setdefault(kind, {})
    return found if isinstance(found, dict) else {}


def _places(contents: Table, kind: str) -> dict[str, str]:
    return {
        name: part
        for part, value in contents.items()
        if isinstance(value, dict) and isinstance(value.get(kind), dict)
        for name in value[kind]
    }
