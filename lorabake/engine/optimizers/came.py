"""CAME: the guide's optimizer for PDXL and Illustrious XL (Luo et al., arXiv 2307.02047)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.settings import setting
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The guide gives weight_decay only; the others are the guide's trainer's defaults."""

    weight_decay: float = setting(
        0.0,
        "Weight decay",
        help="Pulls the weights back to 0: holds back what the pictures do not ask for. The "
        "guide: 0.08 for PDXL and Illustrious. Lower copies sooner; too high, and little "
        "stays learned.",
        minimum=0,
        maximum=1,
    )
    betas: tuple[float, ...] = setting(
        (0.9, 0.999, 0.9999),
        "Betas",
        help="How slowly it forgets, three times: momentum, size of gradients, and how far the "
        "two disagree. Not in the guide; these are its trainer's defaults. Lower forgets "
        "sooner and is rougher; higher is smoother and slower to react.",
        minimum=0,
        maximum=0.999999,
        more=True,
    )
    eps1: float = setting(
        1e-30,
        "Epsilon of the gradients",
        help="Keeps tiny gradients from making huge steps. Not in the guide; 1e-30 is its "
        "trainer's default. Higher slows down what has small gradients; lower protects "
        "less.",
        minimum=0,
        maximum=1,
        more=True,
    )
    eps2: float = setting(
        1e-16,
        "Epsilon of the disagreement",
        help="Keeps a perfect agreement from making huge steps. Not in the guide; 1e-16 is its "
        "trainer's default. Higher evens the steps out; lower protects less.",
        minimum=0,
        maximum=1,
        more=True,
    )


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    from pytorch_optimizer import CAME

    beta1, beta2, beta3 = settings.betas
    optimizer: torch.optim.Optimizer = CAME(
        groups,
        betas=(beta1, beta2, beta3),
        weight_decay=settings.weight_decay,
        eps1=settings.eps1,
        eps2=settings.eps2,
    )
    return optimizer


ENTRY = Optimizer(
    "came",
    "CAME",
    "The guide's choice for PDXL and Illustrious XL: little memory, steady.",
    Settings,
    build,
)
