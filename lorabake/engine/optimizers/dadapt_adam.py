"""D-Adaptation: Adam that finds the learning rate by itself (Defazio & Mishchenko, arXiv 2301.07733)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, distance_rates, eps_setting

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of the dadaptation package; 0 stands for its unlimited growth_rate."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. Not in the guide; 0.01 is "
        "usual. Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=1,
    )
    decouple: bool = setting(
        False,
        "Decoupled decay",
        help="Weight decay apart from the gradients, as in AdamW. Not in the guide; usually on "
        "with LoRAs. Off, decay is added to the gradients.",
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients: their mean, and their size. Not in the "
        "guide; these are the usual defaults. Lower forgets sooner and is rougher; higher "
        "is smoother and slower to react.",
        minimum=0,
        maximum=0.99999,
    )
    use_bias_correction: bool = setting(
        False,
        "Bias correction",
        help="Smaller first steps, as in Adam. Not in the guide. Off, it begins with larger steps.",
    )
    d0: float = setting(
        1e-6,
        "First d",
        help="The rate it begins to search from. Not in the guide; 1e-6 is the usual default. "
        "Too high burns: it never goes down again. Lower takes longer to find anything.",
        minimum=1e-12,
        maximum=1,
        more=True,
    )
    growth_rate: float = setting(
        0.0,
        "Growth limit",
        unit="times",
        help="How many times larger d may become in one step. Not in the guide; 0, any, is the "
        "usual default, 1.02 is careful. Too low, and a short bake ends before it learns "
        "anything; higher lets it leap.",
        minimum=0,
        maximum=1e9,
        more=True,
    )
    eps: float = eps_setting()


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
