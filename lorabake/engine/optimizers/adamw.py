"""AdamW in full precision: for cards that cannot do AdamW8bit, and the safe choice anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The guide's "Optional Args" for AdamW and AdamW8bit."""

    weight_decay: float = setting(
        0.01, "Weight decay", help="The guide's NAI value is 0.1.", minimum=0, maximum=1
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999),
        "Betas",
        help="How slowly it forgets old gradients. The guide's NAI values are 0.9, 0.99.",
        minimum=0,
        maximum=0.99999,
    )
    eps: float = setting(1e-8, "Epsilon", minimum=1e-20, maximum=1e-2, more=True)


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
