"""Prodigy: finds the learning rate by itself (Mishchenko & Defazio, arXiv 2306.06101)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, distance_rates, eps_setting

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of prodigyopt, which the guide's trainer uses; 0 stands for its None and inf."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. The guide: 0.01 with "
        "Prodigy. Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=1,
    )
    decouple: bool = setting(
        True,
        "Decoupled decay",
        help="Weight decay apart from the gradients, as in AdamW. The guide: on. Off, decay is "
        "added to the gradients and counts in the search for the rate.",
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients: their mean, and their size. The guide: 0.9, "
        "0.999 with Prodigy. Lower forgets sooner and is rougher; higher is smoother and "
        "slower to react.",
        minimum=0,
        maximum=0.99999,
    )
    d_coef: float = setting(
        1.0,
        "D coefficient",
        unit="times",
        help="The rate it finds times this. The guide: 2, because there is little time. Higher "
        "learns faster and burns sooner; lower, such as 0.5, learns more slowly.",
        minimum=1e-3,
        maximum=100,
    )
    use_bias_correction: bool = setting(
        False,
        "Bias correction",
        help="Smaller first steps, as in Adam. The guide: on. Off, it begins with larger steps.",
    )
    safeguard_warmup: bool = setting(
        False,
        "Safeguard warmup",
        help="Keeps a warmup from making it find too high a rate. The guide: on, as it uses a "
        "warmup; without one it hardly matters.",
    )
    d0: float = setting(
        1e-6,
        "First d",
        help="The rate it begins to search from. Not in the guide; 1e-6 is the usual default. "
        "Higher helps when a short bake learns nothing, but too high burns: it never goes "
        "down again. Lower takes longer to find anything.",
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
    beta3: float = setting(
        0.0,
        "Beta 3",
        help="How slowly it forgets what it knew of the rate. Not in the guide; 0, the usual "
        "default, stands for the root of the second beta. Lower forgets sooner and is "
        "rougher; higher is smoother and slower to react.",
        minimum=0,
        maximum=0.99999,
        more=True,
    )
    eps: float = eps_setting()


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
