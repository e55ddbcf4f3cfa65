"""AdamW in full precision: for cards that cannot do AdamW8bit, and the safe choice anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups, eps_setting

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The guide's "Optional Args" for AdamW and AdamW8bit."""

    weight_decay: float = setting(
        0.01,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. The guide: 0.1 for NAI. "
        "Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=1,
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients: their mean, and their size. The guide: 0.9, "
        "0.99 for NAI. Lower forgets sooner and is rougher; higher is smoother and slower "
        "to react.",
        minimum=0,
        maximum=0.99999,
    )
    eps: float = eps_setting()


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    import torch

    beta1, beta2 = settings.betas
    return torch.optim.AdamW(
        groups,
        betas=(beta1, beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        foreach=True,
    )


ENTRY = Optimizer(
    "adamw",
    "AdamW",
    "Works on every card. Its memory for a LoRA is small, so it costs next to nothing over AdamW8bit.",
    Settings,
    build,
)
