"""D-Adaptation: Adam that finds the learning rate by itself (Defazio & Mishchenko, arXiv 2301.07733)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, distance_rates

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of the dadaptation package; 0 stands for its unlimited growth_rate."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0; 0.01 is usual.",
        minimum=0,
        maximum=1,
    )
    decouple: bool = setting(
        False, "Decoupled decay", help="Weight decay as in AdamW. Usually on with LoRAs."
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients.",
        minimum=0,
        maximum=0.99999,
    )
    use_bias_correction: bool = setting(
        False, "Bias correction", help="Smaller first steps, as in Adam."
    )
    d0: float = setting(
        1e-6,
        "First d",
        help="The rate it begins to search from.",
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
    eps: float = setting(1e-8, "Epsilon", minimum=1e-20, maximum=1e-2, more=True)


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    from lorabake.engine.optimizers.distance import DAdaptAdam

    beta1, beta2 = settings.betas
    optimizer: torch.optim.Optimizer = DAdaptAdam(
        groups,
        betas=(beta1, beta2),
        d0=settings.d0,
        growth_rate=settings.growth_rate or float("inf"),
        weight_decay=settings.weight_decay,
        weight_decouple=settings.decouple,
        bias_correction=settings.use_bias_correction,
        eps=settings.eps,
    )
    return optimizer


ENTRY = Optimizer(
    "dadapt_adam",
    "D-Adaptation (Adam)",
    "Finds the learning rate by itself: set all rates to 1. Prodigy is its faster successor.",
    Settings,
    build,
    effective_rates=distance_rates,
    wants_equal_rates=True,
)
