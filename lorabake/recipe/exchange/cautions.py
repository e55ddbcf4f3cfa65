"""What a recipe loses, or means differently, in a file of another trainer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.exchange import names
from lorabake.recipe.exchange.folders import FolderSettings
from lorabake.recipe.exchange.imported import differences
from lorabake.recipe.exchange.load import read_settings
from lorabake.recipe.exchange.save import write_lets, write_sd_scripts
from lorabake.recipe.recipe import Recipe

Target = Literal["lets", "sd-scripts"]
_TRAINERS = {"lets": "LoRA Easy Training Scripts", "sd-scripts": "sd-scripts"}
_V_PREDICTION = re.compile(r"v[-_ ]?pred", re.I)

# Said in other words there, or of no effect on what is learned.
_SAME = {
    *("title", "family", "general.kohya_exact", "captions.caption_extension"),
    *("network.train_text_encoder", "optimizer.text_encoder_lr", "network.conv_alpha"),
    *("model.base", "model.vae", "network.network_weights", "optimizer.lr_scheduler_num_cycles"),
}


def cautions(
    recipe: Recipe, to: Target, folders: Sequence[FolderSettings] | None = None
) -> list[str]:
    """Sentences about what the file for that trainer cannot say, or what has to be added to it.

    folders: as they are given to the writer.
    """
    there = _TRAINERS[to]
    lines = []
    if unsaid := _unsaid(recipe, to):
        lines.append(f"A file of {there} cannot say: {', '.join(unsaid)}.")
    if to == "lets" and not folders and not recipe.kept:
        lines.append(
            f"{there} keeps caption settings with the folders, and none is given: set Keep tokens, "
            "Shuffle captions and the like there."
        )
    optimizer = recipe.optimizer
    entry = OPTIMIZERS[optimizer.type]
    if to == "sd-scripts" and optimizer.lr_scheduler in names.SCHEDULERS:
        lines.append(
            f"The schedule {optimizer.lr_scheduler} is a class of LoRA Easy Training Scripts, which "
            "has to be installed beside sd-scripts."
        )
        if not recipe.general.max_train_steps:
            lines.append(
                "sd-scripts does not work out the length of its cycles: add "
                "first_cycle_max_steps=N to lr_scheduler_args, all steps divided by the cycles "
                "(the calculator counts them), or train for steps instead of epochs here."
            )
    if entry.own_schedule and (optimizer.warmup_ratio or optimizer.warmup_steps):
        lines.append(f"{there} leaves out the warm-up of a schedule-free optimizer.")
    if entry.wants_equal_rates and optimizer.unet_lr != optimizer.text_encoder_lr:
        lines.append(f"{there} wants the same learning rate for all parts with {entry.label}.")
    if recipe.model.prediction == "auto" and _V_PREDICTION.search(recipe.model.base):
        lines.append(
            f"{there} does not see that a model predicts v: set v_parameterization and "
            "zero_terminal_snr there, or Prediction type here."
        )
    return lines


def _unsaid(recipe: Recipe, to: Target) -> list[str]:
    """Labels of settings that do not come back when the file is read again."""
    folders = None if recipe.kept else [FolderSettings("folder", "folder")]
    if to == "lets":
        again = read_settings(write_lets(recipe, folders).encode(), "settings")
    else:
        config, dataset = write_sd_scripts(recipe, folders)
        again = read_settings(config.encode(), "settings", dataset=dataset.encode())
    same = set(_SAME)
    if recipe.network.target_layers == "attn-mlp" or recipe.network.type in ("loha", "lokr"):
        same.add("network.target_layers")
    return [
        change.label
        for change in differences(recipe, again.recipe)
        if change.key not in same
        and change.before not in ("auto", None)
        and not change.key.startswith("optimizer.args.")
    ]
