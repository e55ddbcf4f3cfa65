"""Muon: momentum whose every matrix is made orthogonal (Keller Jordan, 2024), beside AdamW.

Small convolutional networks learn from two to three times fewer pictures with it, and pictures
are what a build on a processor has too few of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly, by a quintic Newton-Schulz iteration.

    The three constants are the published ones: they trade exactness for speed, and singular
    values end up between about 0.7 and 1.2.
    """
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = (x / (x.norm() + 1e-7)).bfloat16()  # exactness does not matter here
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x if matrix.shape[0] <= matrix.shape[1] else x.T).float()


class Muon(torch.optim.Optimizer):
    """For weights of two dimensions or more; a convolution counts as (out, in x height x width)."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._update(param, group)

    def _update(self, param: nn.Parameter, group: dict[str, Any]) -> None:
        state = self.state[param]
        if not state:
            state["momentum"] = torch.zeros_like(param)
        gradient = param.grad
        assert gradient is not None
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(state["momentum"], group["momentum"])  # Nesterov
        matrix = orthogonal(ahead.flatten(1))
        rows, columns = matrix.shape
        scale = group["lr"] * max(1.0, rows / columns) ** 0.5
        param.mul_(1 - group["lr"] * group["decay"])
        param.add_(matrix.view_as(param), alpha=-scale)


class Both:
    """Muon for the inner matrices of a network and AdamW for the rest, stepped as one."""

    def __init__(
        self,
        matrices: list[nn.Parameter],
        others: list[nn.Parameter],
        *,
        muon_lr: float,
        adam_lr: float,
        decay: float = 0.0,
    ) -> None:
        self.parts: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=muon_lr, decay=decay),
            torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True),
        ]
        self.base = [part.param_groups[0]["lr"] for part in self.parts]
        self.params = [*matrices, *others]

    def step(self, rate: float) -> None:
        """One step at `rate` times the learning rates, gradients clipped at norm 1 before."""
        nn.utils.clip_grad_norm_(self.params, 1.0)
        for part, base in zip(self.parts, self.base, strict=True):
            for group in part.param_groups:
                group["lr"] = base * rate
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def is_matrix(name: str, param: nn.Parameter) -> bool:
    """Whether Muon should train it: inner weights, but neither tables nor first and last layers."""
    outer = ("conv_in", "conv_out", "embedding", "quant_conv")
    return param.ndim >= 2 and not any(word in name for word in outer)
