"""Lion: only the sign of the momentum counts (Chen et al., arXiv 2302.06675)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names and defaults of lion-pytorch, which sd-scripts uses."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0, against copying pictures. Not in the guide; about "
        "ten times AdamW's value. Lower copies sooner; too high, and little stays learned.",
        minimum=0,
        maximum=10,
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.99),
        "Betas",
        help="How slowly it forgets old gradients: for the step, and for what is remembered of "
        "it. Not in the guide; these are the usual defaults. Lower forgets sooner and is "
        "rougher; higher is smoother and slower to react.",
        minimum=0,
        maximum=0.99999,
    )


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    from pytorch_optimizer import Lion

    beta1, beta2 = settings.betas
    optimizer: torch.optim.Optimizer = Lion(
        groups, betas=(beta1, beta2), weight_decay=settings.weight_decay
    )
    return optimizer


ENTRY = Optimizer(
    "lion",
    "Lion",
    "Every weight moves by exactly the learning rate: take a tenth to a third of AdamW's.",
    Settings,
    build,
)
