"""AdamW8bit: the guide's optimizer for NAI, from bitsandbytes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DeviceError
from lorabake.engine.optimizers.adamw import Settings
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch

SMALLEST_8BIT = 4096  # elements; bitsandbytes keeps the state of smaller tensors in 32 bit


def build(groups: ParamGroups, settings: Settings) -> torch.optim.Optimizer:
    # It warns of a kernel for 4-bit models, which has nothing to do with this.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        from bitsandbytes.optim.adamw import AdamW8bit

        _try_one_step(AdamW8bit, groups)
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


def _try_one_step(optimizer: Any, groups: ParamGroups) -> None:
    """Raise now, and not after an hour of preparation, if there is no 8-bit code for the device."""
    import torch

    for device in {weight.device for group in groups for weight in group["params"]}:
        weight = torch.nn.Parameter(torch.zeros(SMALLEST_8BIT, device=device))
        weight.grad = torch.ones_like(weight)
        optimizer([weight], lr=0.1).step()
        if not weight.detach().isfinite().all() or not weight.detach().all():
            raise RuntimeError(f"a step on {device} gave a wrong result")


ENTRY = Optimizer(
    "adamw8bit",
    "AdamW8bit",
    "The guide's choice for NAI. Choose AdamW if your card is too old for it.",
    Settings,
    build,
)
