"""From a recipe to the arguments of the kohya trainers; `reading.py` the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lorabake.core.concept_settings import ConceptSettings, changed_settings
from lorabake.recipe.exchange import names
from lorabake.recipe.exchange.arguments import Arguments, Table
from lorabake.recipe.exchange.folders import FolderSettings
from lorabake.recipe.exchange.optimizer_args import args_to
from lorabake.recipe.recipe import Recipe


def arguments_of(
    recipe: Recipe, folders: Sequence[FolderSettings] = (), *, lets: bool
) -> Arguments:
    """The recipe as arguments; only what differs from what a missing argument means.

    lets: with the spellings of LoRA Easy Training Scripts instead of those of sd-scripts.
    """
    written = Arguments(
        args=_rows(names.ARGUMENTS, recipe),
        dataset=_rows(names.DATASET, recipe),
        subsets=[_subset(folder, recipe) for folder in folders],
    )
    if not folders and not lets:  # sd-scripts lets folders inherit them
        written.dataset |= _subset_rows(ConceptSettings(), recipe)
    written.args |= {"seed": recipe.general.seed, "sdpa": True}
    written.args |= {
        "network_dim": recipe.network.network_dim,
        "network_alpha": recipe.network.network_alpha,
    }
    written.dataset |= {
        "resolution": recipe.general.resolution,
        "batch_size": recipe.general.batch_size,
    }
    written.args |= _model(recipe) | _length(recipe) | _rates(recipe, lets)
    _scheduler(recipe, written, lets)
    _network(recipe, written, lets)
    optimizer = names.OPTIMIZERS[recipe.optimizer.type]
    written.args["optimizer_type"] = optimizer[0 if lets else 1]
    written.optimizer = args_to(recipe.optimizer.type, recipe.optimizer.args)
    written.args |= _small_things(recipe)
    return written


def _value(recipe: Recipe, key: str) -> Any:
    group, name = key.split(".")
    return getattr(getattr(recipe, group), name)


def _rows(rows: tuple[names.Row, ...], recipe: Recipe) -> Table:
    values = {name: (_value(recipe, key), missing) for name, key, missing in rows}
    return {name: value for name, (value, missing) in values.items() if value != missing}


def _model(recipe: Recipe) -> Table:
    wanted: Table = {
        "pretrained_model_name_or_path": recipe.model.base,
        "vae": recipe.model.vae,
        "network_weights": recipe.network.network_weights,
        "sdxl": recipe.family == "sdxl",
        "v_parameterization": recipe.model.prediction == "v",
        "zero_terminal_snr": recipe.model.zero_terminal_snr == "on",
        "gradient_checkpointing": recipe.general.gradient_checkpointing != "off",
    }
    return {name: value for name, value in wanted.items() if value}


def _length(recipe: Recipe) -> Table:
    if recipe.general.max_train_steps:
        return {"max_train_steps": recipe.general.max_train_steps}
    return {"max_train_epochs": recipe.general.epochs}


def _rates(recipe: Recipe, lets: bool) -> Table:
    """LETS drops what is 0 and then takes the common rate, so a rate of 0 is said by a switch."""
    optimizer, network = recipe.optimizer, recipe.network
    encoders: Any = optimizer.text_encoder_lr
    if optimizer.text_encoder_2_lr >= 0:
        encoders = [optimizer.text_encoder_lr, optimizer.text_encoder_2_lr]
    table: Table = {
        "learning_rate": optimizer.unet_lr,
        "unet_lr": optimizer.unet_lr,
        "text_encoder_lr": encoders,
    }
    if not network.train_text_encoder or (lets and encoders == 0):
        table["network_train_unet_only"] = True
    if not network.train_unet:
        table["network_train_text_encoder_only"] = True
    if optimizer.warmup_steps:
        table["lr_warmup_steps"] = optimizer.warmup_steps
    return table


def _scheduler(recipe: Recipe, written: Arguments, lets: bool) -> None:
    optimizer = recipe.optimizer
    custom = names.SCHEDULERS.get(optimizer.lr_scheduler)
    if custom is None:
        written.args["lr_scheduler"] = optimizer.lr_scheduler
        return
    written.args |= {"lr_scheduler": custom[0], "lr_scheduler_type": custom[1]}
    written.scheduler = {
        "min_lr": optimizer.min_lr,
        "gamma": round(1 - optimizer.restart_decay, 12),
    }
    if optimizer.lr_scheduler.startswith("rex"):
        written.scheduler["d"] = optimizer.rex_d
    if optimizer.lr_scheduler == "rex":
        written.args.pop("lr_scheduler_num_cycles", None)
    if not lets and recipe.general.max_train_steps:
        written.scheduler |= _in_steps(recipe)


def _in_steps(recipe: Recipe) -> Table:
    """What LETS works out for the class of a custom schedule and sd-scripts does not."""
    optimizer, total = recipe.optimizer, recipe.general.max_train_steps
    cycles = 1 if optimizer.lr_scheduler == "rex" else optimizer.lr_scheduler_num_cycles
    warmup = optimizer.warmup_steps or round(total * optimizer.warmup_ratio)
    steps: Table = {"first_cycle_max_steps": total // cycles}
    return steps | ({"warmup_steps": warmup // cycles} if warmup else {})


def _network(recipe: Recipe, written: Arguments, lets: bool) -> None:
    network = recipe.network
    table: Table = {}
    lycoris = network.type != "lora" or network.dora
    if lycoris:
        table["algo"] = "locon" if network.type == "lora" else network.type
        named = {ours: theirs for theirs, ours in names.PRESETS.items()}
        table["preset"] = named[network.target_layers]
        if network.type == "locon" and network.conv_dim:
            table["preset"] = "full"
    if network.conv_dim:
        table |= {"conv_dim": network.conv_dim, "conv_alpha": network.conv_alpha}
    if network.dora:
        table["dora_wd"] = True
        if not network.wd_on_output:
            table["wd_on_output"] = False
    switches = {
        "wd_on_output": network.wd_on_output,
        "rank_dropout": network.rank_dropout,
        "module_dropout": network.module_dropout,
        "decompose_both": network.decompose_both,
    }
    table |= {name: value for name, value in switches.items() if value}
    if network.type == "lokr":
        table["factor"] = network.factor
    written.network = table
    if not lets:
        written.args["network_module"] = "lycoris.kohya" if lycoris else "networks.lora"


def _small_things(recipe: Recipe) -> Table:
    table: Table = {}
    if recipe.title != Recipe().title:
        table["output_name"] = recipe.title
    if recipe.sample.sample_every_n_epochs:
        sampler = recipe.sample.sample_sampler
        table["sample_sampler"] = next(k for k, v in names.SAMPLERS.items() if v == sampler)
    if recipe.optimizer.masked_loss != "off":
        table["masked_loss"] = True
        if recipe.optimizer.masked_loss == "alpha":
            table["alpha_mask"] = True
    return table


def _subset(folder: FolderSettings, recipe: Recipe) -> Table:
    """One folder with the recipe's caption settings and its own laid over them."""
    table: Table = {"num_repeats": folder.repeats, "image_dir": folder.path or folder.name}
    table |= _subset_rows(folder.settings, recipe)
    if folder.is_reg:
        table["is_reg"] = True
    if folder.settings.mask_folder:
        table["conditioning_data_dir"] = folder.settings.mask_folder
    return table


def _subset_rows(settings: ConceptSettings, recipe: Recipe) -> Table:
    own = changed_settings(settings)
    values = {name: own.get(name, _value(recipe, key)) for name, key, _ in names.SUBSET}
    return {
        name: values[name]
        for name, _, missing in names.SUBSET
        if values[name] != missing or name == "caption_extension"
    }
