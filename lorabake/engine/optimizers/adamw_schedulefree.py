"""Schedule-free AdamW: averages its weights instead of lowering its rate (arXiv 2405.15682)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of the schedulefree package, which sd-scripts uses."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0; 0.01 is usual.",
        minimum=0,
        maximum=1,
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How near the trained weights are to their average, and how slowly it forgets.",
        minimum=1e-3,
        maximum=0.99999,
    )
    warmup_steps: int = setting(
        0,
        "Its own warmup steps",
        help="On top of the recipe's warm-up; set one of the two.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    r: float = setting(
        0.0,
        "Average power",
        help="How much more late steps count.",
        minimum=0,
        maximum=10,
        more=True,
    )
    weight_lr_power: float = setting(
        2.0,
        "Average rate power",
        help="How much less the steps of a warm-up count.",
        minimum=0,
        maximum=10,
        more=True,
    )
    eps: float = setting(1e-8, "Epsilon", minimum=1e-20, maximum=1e-2, more=True)


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    from lorabake.engine.optimizers.schedulefree import ScheduleFreeAdamW

    beta1, beta2 = settings.betas
    optimizer: torch.optim.Optimizer = ScheduleFreeAdamW(
        groups,
        betas=(beta1, beta2),
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup_steps,
        r=settings.r,
        weight_lr_power=settings.weight_lr_power,
        eps=settings.eps,
    )
    return optimizer


def training(optimizer: Any, on: bool) -> None:
    """The point gradients are taken at (on), or the average that is to be saved (off)."""
    if on:
        optimizer.train()
    else:
        optimizer.eval()


ENTRY = Optimizer(
    "adamw_schedulefree",
    "AdamW, schedule-free",
    "Needs no schedule: the rate stays constant after the warm-up, and the average of the way is saved.",
    Settings,
    build,
    training=training,
    own_schedule=True,
)
