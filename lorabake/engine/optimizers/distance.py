"""Prodigy and D-Adaptation for groups whose rates differ or change. Loads torch.

Both estimate one distance d for all groups, and the library takes the first group's rate for every
one of them. The originals (prodigyopt, dadaptation) take the largest rate, leave a group of rate 0
alone, stand still while all rates are 0, and refuse anything else. Here a group with a smaller rate
takes that share of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_optimizer import DAdaptAdam as LibraryDAdaptAdam
from pytorch_optimizer import Prodigy as LibraryProdigy
from torch import Tensor

Group = dict[str, Any]


class Prodigy(LibraryProdigy):
    """Prodigy (Mishchenko & Defazio, arXiv 2306.06101) as in prodigyopt."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        assert closure is None
        with moving(self.param_groups) as groups:
            for group in groups:
                # The library adds it after it has looked at the gradients, where it has no effect.
                if group["weight_decay"] and not group["weight_decouple"]:
                    weights = _with_gradient(group)
                    gradients = [weight.grad for weight in weights if weight.grad is not None]
                    torch._foreach_add_(gradients, weights, alpha=group["weight_decay"])
            if groups:
                super().step()


class DAdaptAdam(LibraryDAdaptAdam):
    """Adam with D-Adaptation (Defazio & Mishchenko, arXiv 2301.07733) as in dadaptation."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        assert closure is None
        with moving(self.param_groups) as groups:
            if groups:
                super().step()


@contextmanager
def moving(groups: list[Group]) -> Iterator[list[Group]]:
    """The groups whose rate is above 0, for a step that knows one rate only.

    Within it the first group carries the largest rate and groups of rate 0 have no gradients;
    afterwards groups with a smaller rate are taken back to their share of the way.
    """
    rates = [float(group["lr"]) for group in groups]
    top = max(rates)
    moved = [group for group, rate in zip(groups, rates, strict=True) if rate]
    resting = [
        (weight, weight.grad)
        for group, rate in zip(groups, rates, strict=True)
        if not rate
        for weight in _with_gradient(group)
    ]
    slower = [
        (weights, [weight.detach().clone() for weight in weights], rate / top)
        for group, rate in zip(groups, rates, strict=True)
        if 0 < rate < top and (weights := _with_gradient(group))
    ]
    for weight, _ in resting:
        weight.grad = None
    groups[0]["lr"] = top
    try:
        yield moved
    finally:
        groups[0]["lr"] = rates[0]
        for weight, gradient in resting:
            weight.grad = gradient
    for weights, before, share in slower:
        torch._foreach_lerp_(before, weights, share)
        torch._foreach_copy_(weights, before)


def _with_gradient(group: Group) -> list[Tensor]:
    return [weight for weight in group["params"] if weight.grad is not None]
