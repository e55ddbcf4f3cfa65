"""Schedule-free AdamW: averages its weights instead of lowering its rate (arXiv 2405.15682)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, eps_setting

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of the schedulefree package, which sd-scripts uses."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. Not in the guide; 0.01 is "
        "usual. Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=1,
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How near the trained weights are to their average, and how slowly it forgets the "
        "size of gradients. Not in the guide; these are the usual defaults. Lower is "
        "rougher; higher is smoother and slower to react.",
        minimum=1e-3,
        maximum=0.99999,
    )
    warmup_steps: int = setting(
        0,
        "Its own warmup steps",
        help="A warmup of its own, on top of the recipe's; set one of the two. Not in the "
        "guide; 0 is none. Too many waste the bake at low rates.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    r: float = setting(
        0.0,
        "Average power",
        help="How much more late steps count in the average. Not in the guide; 0, the usual "
        "default, counts all alike. Higher follows the end of the bake and smooths less.",
        minimum=0,
        maximum=10,
        more=True,
    )
    weight_lr_power: float = setting(
        2.0,
        "Average rate power",
        help="How much less the steps of a warmup count in the average. Not in the guide; 2 is "
        "the usual default. 0 counts them like all others; higher makes them count less "
        "still.",
        minimum=0,
        maximum=10,
        more=True,
    )
    eps: float = eps_setting()


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
