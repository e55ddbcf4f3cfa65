"""Prodigy: finds the learning rate by itself (Mishchenko & Defazio, arXiv 2306.06101)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, distance_rates

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of prodigyopt, which the guide's trainer uses; 0 stands for its None and inf."""

    weight_decay: float = setting(
        0.0, "Weight decay", help="The guide's value is 0.01.", minimum=0, maximum=1
    )
    decouple: bool = setting(
        True,
        "Decoupled decay",
        help="Weight decay as in AdamW. The guide: on.",
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients. The guide's values are 0.9, 0.999.",
        minimum=0,
        maximum=0.99999,
    )
    d_coef: float = setting(
        1.0,
        "D coefficient",
        help="The rate it finds times this; 2 learns faster, 0.5 slower. The guide's value is 2.",
        minimum=1e-3,
        maximum=100,
    )
    use_bias_correction: bool = setting(
        False, "Bias correction", help="Smaller first steps, as in Adam. The guide: on."
    )
    safeguard_warmup: bool = setting(
        False,
        "Safeguard warmup",
        help="Keeps a warm-up from making it find too high a rate. The guide: on.",
    )
    d0: float = setting(
        1e-6,
        "First d",
        help="The rate it begins to search from. Higher helps when a short training learns nothing.",
        minimum=1e-12,
        maximum=1,
        more=True,
    )
    growth_rate: float = setting(
        0.0,
        "Growth limit",
        help="How many times larger d may become in one step; 0 is any, 1.02 is careful.",
        minimum=0,
        maximum=1e9,
        more=True,
    )
    beta3: float = setting(
        0.0,
        "Beta 3",
        help="0 is the root of the second beta.",
        minimum=0,
        maximum=0.99999,
        more=True,
    )
    eps: float = setting(1e-8, "Epsilon", minimum=1e-20, maximum=1e-2, more=True)


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    from lorabake.engine.optimizers.distance import Prodigy

    beta1, beta2 = settings.betas
    optimizer: torch.optim.Optimizer = Prodigy(
        groups,
        betas=(beta1, beta2),
        beta3=settings.beta3 or None,
        d0=settings.d0,
        d_coef=settings.d_coef,
        growth_rate=settings.growth_rate or float("inf"),
        weight_decay=settings.weight_decay,
        weight_decouple=settings.decouple,
        bias_correction=settings.use_bias_correction,
        safeguard_warmup=settings.safeguard_warmup,
        eps=settings.eps,
    )
    return optimizer


ENTRY = Optimizer(
    "prodigy",
    "Prodigy",
    "Finds the learning rate by itself: set all rates to 1 (the guide: 0.5 to 1) and watch d × lr grow.",
    Settings,
    build,
    effective_rates=distance_rates,
    wants_equal_rates=True,
)
