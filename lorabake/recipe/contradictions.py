"""Settings that do not go together: what would stop a bake, and what would make it a poor one."""

from __future__ import annotations

from collections.abc import Iterator

from lorabake.core.errors import RecipeError
from lorabake.engine.networks.checks import require_sound
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.advice.advice import Advice, Fix, setting_fix
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.sample_prompts import parse_prompts

PRACTICE = "practice"  # the base model that comes with the program


def contradictions(recipe: Recipe) -> Iterator[Advice]:
    """What the settings of a recipe say against each other."""
    yield from _network(recipe)
    yield from _optimizer(recipe)
    yield from _noise(recipe)
    yield from _loss(recipe)
    yield from _pictures(recipe)
    yield from _watching(recipe)


def _network(recipe: Recipe) -> Iterator[Advice]:
    try:
        require_sound(recipe.network, recipe.optimizer.scale_weight_norms)
    except RecipeError as error:
        yield Advice("stop", str(error), "network.unsound")
    network = recipe.network
    if network.dora and network.wd_on_output:
        yield Advice(
            "warn",
            "A DoRA by rows is drawn wrongly by A1111 and a little off by Forge and ComfyUI. "
            "Switch DoRA by rows off unless you draw with diffusers only.",
            "dora.rows",
            fix=setting_fix(network__wd_on_output=False),
        )
    if network.dim_from_weights and not network.network_weights:
        yield Advice(
            "hint",
            "Dim from that file has no effect, because no LoRA to start from is named.",
            "network.no_weights",
            fix=setting_fix(network__dim_from_weights=False),
        )


def _optimizer(recipe: Recipe) -> Iterator[Advice]:
    kind = OPTIMIZERS[recipe.optimizer.type]
    if kind.wants_equal_rates:
        yield from _equal_rates(recipe, kind.label)
    elif recipe.unet_trains and recipe.optimizer.unet_lr > 0.05:
        yield Advice(
            "warn",
            f"A U-Net learning rate of {recipe.optimizer.unet_lr:g} is for Prodigy and its relatives; "
            f"{kind.label} will burn the LoRA. The guide: 5e-4 or less.",
            "rates.burn",
            "The guide: 5e-4 for NAI 1.5, 1e-4 for PDXL, 6e-5 for Illustrious XL.",
            _guides_rates(recipe),
        )
    if (
        recipe.model.base == PRACTICE
        and not kind.wants_equal_rates
        and recipe.optimizer.unet_lr < 1e-3
    ):
        yield Advice(
            "warn",
            f"The practice oven is so small that it learns next to nothing at a U-Net learning rate of "
            f"{recipe.optimizer.unet_lr:g}; its own is 3e-3. The guide's rates are for full models.",
            "rates.practice",
            fix=setting_fix(optimizer__unet_lr=3e-3),
        )
    if kind.own_schedule and recipe.optimizer.lr_scheduler not in (
        "constant",
        "constant_with_warmup",
    ):
        yield Advice(
            "hint",
            f"{kind.label} needs no schedule: its rate stays constant after the warmup.",
            "schedule.own",
            fix=setting_fix(optimizer__lr_scheduler="constant_with_warmup"),
        )


def _equal_rates(recipe: Recipe, label: str) -> Iterator[Advice]:
    rates = [recipe.optimizer.unet_lr] if recipe.unet_trains else []
    if recipe.text_encoder_trains:
        rates += [recipe.optimizer.text_encoder_lr, recipe.text_encoder_2_rate]
    why = "It looks for one distance for all parts. The guide: 0.5 or 1, U-Net and text encoder the same."
    if len(set(rates)) > 1:
        yield Advice(
            "warn",
            f"{label} finds one learning rate for everything, so the U-Net's and the text "
            "encoders' should be equal. The guide: both 1, or both 0.5.",
            "prodigy.rates",
            why,
            _both_one(),
        )
    elif rates and not 0.1 <= rates[0] <= 10:
        yield Advice(
            "warn",
            f"{label} multiplies its own rate with yours, so {rates[0]:g} learns next to "
            "nothing or burns. The guide: 1 or 0.5.",
            "prodigy.rate",
            why,
            _both_one(),
        )


def _both_one() -> Fix:
    return setting_fix(
        optimizer__unet_lr=1.0, optimizer__text_encoder_lr=1.0, optimizer__text_encoder_2_lr=-1.0
    )


def _guides_rates(recipe: Recipe) -> Fix:
    unet, text = (5e-4, 1e-4) if recipe.family == "sd15" else (6e-5, 6e-6)
    return setting_fix(optimizer__unet_lr=unet, optimizer__text_encoder_lr=text)


def _noise(recipe: Recipe) -> Iterator[Advice]:
    noise = recipe.noise
    if noise.noise_offset and noise.multires_noise_iterations:
        yield Advice(
            "stop",
            "Noise offset and multires noise cannot be combined. Set one of them to 0 under Noise Args.",
            "noise.both",
            fix=setting_fix(noise__noise_offset=0.0),
        )
    if noise.min_timestep >= noise.max_timestep:
        yield Advice(
            "stop",
            f"The lowest timestep ({noise.min_timestep}) must be below the highest "
            f"({noise.max_timestep}). Change them under Noise Args.",
            "noise.timesteps",
            fix=setting_fix(noise__min_timestep=0, noise__max_timestep=1000),
        )


def _loss(recipe: Recipe) -> Iterator[Advice]:
    options = recipe.optimizer
    if options.min_snr_gamma and options.debiased_estimation_loss:
        yield Advice(
            "warn",
            "Min SNR gamma and debiased estimation both weigh the noise levels, and are multiplied. "
            "Choose one of them.",
            "loss.both",
            fix=setting_fix(optimizer__debiased_estimation_loss=False),
        )


def _pictures(recipe: Recipe) -> Iterator[Advice]:
    augment = recipe.augment
    if recipe.general.cache_latents and (augment.color_aug or augment.random_crop):
        yield Advice(
            "hint",
            "With colour or random crop each picture looks different each time, so it goes through "
            "the VAE at every step: slower, and the VAE stays in memory.",
            "augment.vae",
            fix=setting_fix(augment__color_aug=False, augment__random_crop=False),
        )
    captions = recipe.captions
    if captions.keep_tokens_separator and "," in captions.keep_tokens_separator:
        yield Advice(
            "stop",
            "The keep tokens separator cannot hold a comma. The usual one is |||.",
            "captions.separator",
            fix=setting_fix(captions__keep_tokens_separator="|||"),
        )


def _watching(recipe: Recipe) -> Iterator[Advice]:
    try:
        prompts = parse_prompts(recipe)
    except RecipeError as error:
        yield Advice("stop", str(error), "sample.unread")
        return
    if recipe.sample.sample_every_n_epochs and not prompts:
        yield Advice(
            "hint",
            "There is no prompt under Sample images, so no sample is drawn.",
            "sample.none",
        )
