"""Settings that do not go together: what would stop a bake, and what would make it a poor one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lorabake.core.errors import RecipeError
from lorabake.engine.networks.checks import require_sound
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.sample_prompts import parse_prompts

PRACTICE = "practice"  # the base model that comes with the program

Remark = tuple[Literal["stop", "warn", "hint"], str]
"""Level and sentence of an advice; see `checks.Advice`."""


def contradictions(recipe: Recipe) -> Iterator[Remark]:
    """What the settings of a recipe say against each other."""
    yield from _network(recipe)
    yield from _optimizer(recipe)
    yield from _noise(recipe)
    yield from _loss(recipe)
    yield from _pictures(recipe)
    yield from _watching(recipe)


def _network(recipe: Recipe) -> Iterator[Remark]:
    try:
        require_sound(recipe.network, recipe.optimizer.scale_weight_norms)
    except RecipeError as error:
        yield "stop", str(error)
    network = recipe.network
    if network.dora and network.wd_on_output:
        yield (
            "warn",
            "A DoRA by rows is drawn wrongly by A1111 and a little off by Forge and ComfyUI. "
            "Switch DoRA by rows off unless you draw with diffusers only.",
        )
    if network.dim_from_weights and not network.network_weights:
        yield "hint", "Dim from that file has no effect, because no LoRA to start from is named."


def _optimizer(recipe: Recipe) -> Iterator[Remark]:
    kind = OPTIMIZERS[recipe.optimizer.type]
    if kind.wants_equal_rates:
        rates = [recipe.optimizer.unet_lr] if recipe.unet_trains else []
        if recipe.text_encoder_trains:
            rates += [recipe.optimizer.text_encoder_lr, recipe.text_encoder_2_rate]
        if len(set(rates)) > 1:
            yield (
                "warn",
                f"{kind.label} finds one learning rate for everything, so the U-Net's and the text "
                "encoders' should be equal. The guide: both 1, or both 0.5.",
            )
        elif rates and not 0.1 <= rates[0] <= 10:
            yield (
                "warn",
                f"{kind.label} multiplies its own rate with yours, so {rates[0]:g} learns next to "
                "nothing or burns. The guide: 1 or 0.5.",
            )
    elif recipe.unet_trains and recipe.optimizer.unet_lr > 0.05:
        yield (
            "warn",
            f"A U-Net learning rate of {recipe.optimizer.unet_lr:g} is for Prodigy and its relatives; "
            f"{kind.label} will burn the LoRA. The guide: 5e-4 or less.",
        )
    if (
        recipe.model.base == PRACTICE
        and not kind.wants_equal_rates
        and recipe.optimizer.unet_lr < 1e-3
    ):
        yield (
            "warn",
            f"The practice oven is so small that it learns next to nothing at a U-Net learning rate of "
            f"{recipe.optimizer.unet_lr:g}; its own is 3e-3. The guide's rates are for full models.",
        )
    if kind.own_schedule and recipe.optimizer.lr_scheduler not in (
        "constant",
        "constant_with_warmup",
    ):
        yield "hint", f"{kind.label} needs no schedule: its rate stays constant after the warmup."


def _noise(recipe: Recipe) -> Iterator[Remark]:
    noise = recipe.noise
    if noise.noise_offset and noise.multires_noise_iterations:
        yield (
            "stop",
            "Noise offset and multires noise cannot be combined. Set one of them to 0 under Noise Args.",
        )
    if noise.min_timestep >= noise.max_timestep:
        yield (
            "stop",
            f"The lowest timestep ({noise.min_timestep}) must be below the highest "
            f"({noise.max_timestep}). Change them under Noise Args.",
        )


def _loss(recipe: Recipe) -> Iterator[Remark]:
    options = recipe.optimizer
    if options.min_snr_gamma and options.debiased_estimation_loss:
        yield (
            "warn",
            "Min SNR gamma and debiased estimation both weigh the noise levels, and are multiplied. "
            "Choose one of them.",
        )


def _pictures(recipe: Recipe) -> Iterator[Remark]:
    augment = recipe.augment
    if recipe.general.cache_latents and (augment.color_aug or augment.random_crop):
        yield (
            "hint",
            "With colour or random crop each picture looks different each time, so it goes through "
            "the VAE at every step: slower, and the VAE stays in memory.",
        )
    captions = recipe.captions
    if captions.keep_tokens_separator and "," in captions.keep_tokens_separator:
        yield "stop", "The keep tokens separator cannot hold a comma. The usual one is |||."


def _watching(recipe: Recipe) -> Iterator[Remark]:
    try:
        prompts = parse_prompts(recipe)
    except RecipeError as error:
        yield "stop", str(error)
        return
    if recipe.sample.sample_every_n_epochs and not prompts:
        yield "hint", "There is no prompt under Sample images, so no sample is drawn."
