"""Parameter groups and steps for tests of optimizers."""

from __future__ import annotations

from typing import Any

import torch


def group(*weights: torch.nn.Parameter, lr: float = 1e-3, name: str = "unet") -> dict[str, Any]:
    return {"params": list(weights), "lr": lr, "name": name}


def run(
    optimizer: torch.optim.Optimizer, grads: list[list[torch.Tensor]], rates: list[float]
) -> None:
    """Steps with these gradients, the rate of every group set before each as a trainer does."""
    for gradients, rate in zip(grads, rates, strict=True):
        weights = [weight for each in optimizer.param_groups for weight in each["params"]]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
        for each in optimizer.param_groups:
            each["lr"] = rate
        optimizer.step()
