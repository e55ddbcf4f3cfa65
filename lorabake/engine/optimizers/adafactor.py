"""Adafactor: AdamW with little memory and no momentum (Shazeer & Stern, arXiv 1804.04235)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, plain_rates

if TYPE_CHECKING:
    import torch

NO_CAP = 1 - 1e-12  # the library stops the second beta from rising at 0.999; the original does not


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of transformers' Adafactor, which sd-scripts uses; a beta1 of 0 stands for its None.

    Its defaults let Adafactor choose the rate and ignore those of the recipe. That is meant for
    training whole models; the usual arguments for LoRAs switch both off, and so do we.
    """

    relative_step: bool = setting(
        False,
        "Relative step",
        help="Chooses the rate itself, 0.01 and falling, and ignores the learning rates above. "
        "Not in the guide. On is meant for whole models: off for LoRAs.",
    )
    scale_parameter: bool = setting(
        False,
        "Scale by parameter",
        help="The rate times each weight's own size. Not in the guide. Off for LoRAs: half of "
        "their weights start at 0 and would hardly move.",
    )
    warmup_init: bool = setting(
        False,
        "Warmup of the relative step",
        help="The relative step rises from a millionth; switches relative step on. Not in the "
        "guide. Off, the relative step begins at 0.01.",
    )
    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. Not in the guide; 0.01 is "
        "usual. Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=1,
    )
    clip_threshold: float = setting(
        1.0,
        "Clip threshold",
        help="Larger steps are cut to this size. Not in the guide; 1 is the usual default. "
        "Lower cuts nearly every step and learns more slowly; much higher cuts none.",
        minimum=1e-3,
        maximum=1000,
        more=True,
    )
    decay_rate: float = setting(
        -0.8,
        "Decay rate",
        help="How fast it comes to remember gradients for longer. Not in the guide; -0.8 is the "
        "usual default. Lower, towards -1, is smoother and slower to react; higher, "
        "towards 0, forgets sooner and is rougher.",
        minimum=-1,
        maximum=0,
        more=True,
    )
    beta1: float = setting(
        0.0,
        "Momentum",
        help="How slowly the momentum forgets. Not in the guide; 0, the usual default, is none "
        "and saves memory. Higher is smoother and slower to react.",
        minimum=0,
        maximum=0.99999,
        more=True,
    )
    eps: tuple[float, ...] = setting(
        (1e-30, 1e-3),
        "Epsilons",
        help="Two: of the gradients, and of the size of a weight. Not in the guide; these are "
        "the usual defaults. Higher, the first slows down small gradients and the second "
        "speeds up small weights (with Scale by parameter); lower protects less.",
        minimum=0,
        maximum=1,
        more=True,
    )


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    import torch
    from pytorch_optimizer import AdaFactor

    eps1, eps2 = settings.eps
    optimizer: torch.optim.Optimizer = AdaFactor(
        groups,
        betas=(settings.beta1 or None, NO_CAP),
        decay_rate=settings.decay_rate,
        weight_decay=settings.weight_decay,
        clip_threshold=settings.clip_threshold,
        scale_parameter=settings.scale_parameter,
        relative_step=settings.relative_step or settings.warmup_init,
        warmup_init=settings.warmup_init,
        eps1=eps1,
        eps2=eps2,
        momentum_dtype=torch.float32,
    )
    return optimizer


def effective_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The rate of each group as set, or the relative step; before a weight's own size counts."""
    rates = plain_rates(optimizer)
    for group in optimizer.param_groups:
        if group["relative_step"]:
            step = max(1, group.get("step", 0))
            limit = 1e-6 * step if group["warmup_init"] else 1e-2
            rates[group["name"]] = min(limit, step**-0.5)
    return rates


ENTRY = Optimizer(
    "adafactor",
    "Adafactor",
    "The least memory of all; best with a constant rate after a warm-up.",
    Settings,
    build,
    effective_rates=effective_rates,
)
