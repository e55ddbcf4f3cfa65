"""AdamW8bit: the guide's optimizer for NAI, from bitsandbytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lorabake.core.errors import DeviceError
from lorabake.engine.optimizers.adamw import Settings
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    try:
        from bitsandbytes.optim.adamw import AdamW8bit
    except Exception as error:  # a broken CUDA set-up makes it raise nearly anything on import
        raise DeviceError(
            f"AdamW8bit needs bitsandbytes, which does not work on this machine ({error}). "
            "Choose AdamW instead: for a LoRA it takes about 0.2 GB more."
        ) from error
    beta1, beta2 = settings.betas
    optimizer: torch.optim.Optimizer = AdamW8bit(
        groups, betas=(beta1, beta2), eps=settings.eps, weight_decay=settings.weight_decay
    )
    return optimizer


ENTRY = Optimizer(
    "adamw8bit",
    "AdamW8bit",
    "The guide's choice for NAI. Choose AdamW if your card is too old for it.",
    Settings,
    build,
)
