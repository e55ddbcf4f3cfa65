"""Advice about the settings alone: schedule, rates, dims."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, log, sqrt
from typing import Final

from lorabake.core.errors import LorabakeError
from lorabake.core.image import matte_colour
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.advice.advice import Advice, Fix, setting_fix
from lorabake.recipe.contradictions import contradictions
from lorabake.recipe.recipe import Recipe

GUIDE_RATES: Final = {"sd15": (5e-4,), "sdxl": (1e-4, 6e-5, 5e-5)}
"""The guide's U-Net rates: NAI 1.5; PDXL, Illustrious XL, DoRA."""
GUIDE_BATCH: Final = 2
GUIDE_SCALE: Final = 0.5  # alpha ÷ dim: 16/8 and 8/4
DORA_RATE: Final = 5e-5
_MUCH: Final = 1.5  # a factor below which no word is lost about a rate


def about_settings(recipe: Recipe) -> Iterator[Advice]:
    """What the settings say against each other, and where they are not what they seem."""
    try:
        matte_colour(recipe.augment.matte)
    except LorabakeError as error:
        yield Advice("stop", str(error), "augment.matte")
    yield from contradictions(recipe)
    if not recipe.unet_trains and not recipe.text_encoder_trains:
        yield Advice(
            "stop",
            "Nothing would be trained: both learning rates are 0 or switched off.",
            "rates.nothing",
        )
    if recipe.bucket.enable_bucket and recipe.bucket.min_bucket_reso > recipe.general.resolution:
        yield Advice(
            "warn",
            f"The minimum bucket resolution ({recipe.bucket.min_bucket_reso} px) is above the resolution "
            f"({recipe.general.resolution} px), so every picture is cut square. Lower it under Bucket Args.",
            "bucket.minimum",
            fix=setting_fix(bucket__min_bucket_reso=recipe.general.resolution // 4),
        )
    yield from _schedule(recipe)
    yield from _rates(recipe)
    yield from _dora(recipe)
    yield from _prodigy(recipe)


def _schedule(recipe: Recipe) -> Iterator[Advice]:
    options = recipe.optimizer
    name, cycles = options.lr_scheduler, options.lr_scheduler_num_cycles
    warmup = options.warmup_ratio > 0 or options.warmup_steps > 0
    none = setting_fix(optimizer__warmup_ratio=0.0, optimizer__warmup_steps=0)
    if name == "constant_with_warmup" and not warmup:
        yield Advice(
            "hint",
            "Constant with warmup has no warmup ratio; the guide uses 0.05.",
            "warmup.none",
            "The first steps see little, and should not be large. A twentieth of the steps is enough.",
            setting_fix(optimizer__warmup_ratio=0.05),
        )
    elif warmup and not SCHEDULES[name].uses_warmup:
        yield Advice(
            "hint",
            f"The schedule {SCHEDULES[name].label} has no warmup, so the warmup does nothing.",
            "warmup.unused",
            "The guide: 0.05, used if the LR scheduler is set to constant with warmup.",
            none,
        )
    elif warmup and name != "constant_with_warmup":
        yield Advice(
            "hint",
            f"The guide warms up only with constant with warmup, not with {SCHEDULES[name].label}.",
            "warmup.schedule",
            "The guide: 0.05, used if the LR scheduler is set to constant with warmup. Its other "
            "schedules begin at the full rate.",
            none,
        )
    if name == "cosine_with_restarts" and cycles == 1:
        yield Advice(
            "hint",
            "Cosine with restarts does not restart with 1 cycle; it is a plain cosine.",
            "schedule.one_cycle",
        )
    elif name == "rex" and cycles > 1:
        yield Advice(
            "hint",
            "REX has no restarts; choose Rex annealing warm restarts for cycles.",
            "schedule.rex_cycles",
            "The guide names both for PDXL and Illustrious.",
            setting_fix(optimizer__lr_scheduler="rex_annealing_warm_restarts"),
        )


def _rates(recipe: Recipe) -> Iterator[Advice]:
    """The guide's rates with another batch size, or another alpha ÷ dim, than it found them with."""
    options, network = recipe.optimizer, recipe.network
    guides = any(isclose(options.unet_lr, rate) for rate in GUIDE_RATES[recipe.family])
    if OPTIMIZERS[options.type].wants_equal_rates or not guides or not recipe.unet_trains:
        return
    scale = network.network_alpha / network.network_dim / GUIDE_SCALE
    if abs(log(scale)) >= log(_MUCH):
        times = f"{scale:.2g} times as strongly" if scale > 1 else f"at {scale:.0%} of the strength"
        yield Advice(
            "hint",
            f"Alpha {network.network_alpha:g} ÷ dim {network.network_dim} is not the guide's half, so "
            f"{options.unet_lr:g} learns {times}.",
            "rates.alpha",
            "What is learned is multiplied by alpha ÷ dim. The guide: 16/8 for NAI 1.5, 8/4 for PDXL "
            "and Illustrious. Another ratio wants the rate changed by as much, or the alpha set back.",
            setting_fix(network__network_alpha=network.network_dim * GUIDE_SCALE),
        )
    general = recipe.general
    at_once = general.batch_size * general.gradient_accumulation_steps
    if at_once >= 2 * GUIDE_BATCH:
        factor = sqrt(at_once / GUIDE_BATCH)
        yield Advice(
            "hint",
            f"A step is {at_once} pictures, and the rates are the guide's for {GUIDE_BATCH}: there are "
            f"fewer steps, so each may be {factor:.2g} times as large.",
            "rates.batch",
            "More pictures a step are a steadier guide. The usual rule for Adam and its kin is the "
            "square root of the batch size (Malladi et al., arXiv 2205.10287).",
            _scaled(recipe, factor),
        )


def _scaled(recipe: Recipe, factor: float) -> Fix:
    options = recipe.optimizer
    changes = {"optimizer__unet_lr": float(f"{options.unet_lr * factor:.2g}")}
    if recipe.text_encoder_trains:
        changes["optimizer__text_encoder_lr"] = float(f"{options.text_encoder_lr * factor:.2g}")
    return setting_fix(**changes)


def _dora(recipe: Recipe) -> Iterator[Advice]:
    options, network = recipe.optimizer, recipe.network
    if not network.dora:
        return
    if network.type == "lora":
        yield Advice(
            "hint",
            "A DoRA on a plain LoRA leaves the convolutions out, where fine detail is drawn.",
            "dora.type",
            "The guide: LoCon, conv dim 8 and conv alpha 4, for a style or a concept.",
            setting_fix(network__type="locon", network__conv_dim=8, network__conv_alpha=4.0),
        )
    if (
        recipe.family == "sdxl"
        and not OPTIMIZERS[options.type].wants_equal_rates
        and options.unet_lr >= 2 * DORA_RATE
    ):
        yield Advice(
            "hint",
            f"A DoRA at a U-Net rate of {options.unet_lr:g} learns faster than the guide's.",
            "dora.rate",
            "Lengths that are learned apart need smaller steps. The guide halves PDXL's 1e-4 to 5e-5.",
            setting_fix(optimizer__unet_lr=DORA_RATE),
        )


def _prodigy(recipe: Recipe) -> Iterator[Advice]:
    """What the guide would modify for Prodigy; equal rates are among the contradictions."""
    options, network = recipe.optimizer, recipe.network
    if options.type != "prodigy":
        return
    if network.network_alpha != network.network_dim:
        yield Advice(
            "hint",
            f"With Prodigy the guide's alpha is as large as the dim; yours is {network.network_alpha:g} "
            f"of {network.network_dim}.",
            "prodigy.dims",
            "Then the rate that it finds is used as it is. The guide: 32/32 or 16/16.",
            setting_fix(network__network_alpha=float(network.network_dim)),
        )
    if options.lr_scheduler != "constant_with_warmup":
        yield Advice(
            "hint",
            f"Prodigy finds its rate by itself; {SCHEDULES[options.lr_scheduler].label} lowers it on top.",
            "prodigy.schedule",
            "The guide: constant with warmup, with a warmup ratio of 0.05.",
            setting_fix(
                optimizer__lr_scheduler="constant_with_warmup", optimizer__warmup_ratio=0.05
            ),
        )
    if not 15 <= recipe.general.epochs <= 25 and not recipe.general.max_train_steps:
        yield Advice(
            "hint",
            f"The guide gives Prodigy 20 epochs, and yours are {recipe.general.epochs}.",
            "prodigy.epochs",
            "Most of them are only there to choose from. The guide: for epochs, just set it to 20.",
            setting_fix(general__epochs=20),
        )
