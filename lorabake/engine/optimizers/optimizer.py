"""What an optimizer's file describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorabake.core.settings import setting

if TYPE_CHECKING:
    import torch

ParamGroups = list[dict[str, Any]]
"""[{"params": [Tensor, …], "lr": float, "name": "unet"}, …]; lr may be set anew before each step."""


def eps_setting() -> Any:
    """Epsilon of the Adam kind, which is the same for all of them."""
    return setting(
        1e-8,
        "Epsilon",
        help="Keeps tiny gradients from making huge steps. Not in the guide; 1e-8 is the usual "
        "default. Higher slows down what has small gradients; lower protects less.",
        minimum=1e-20,
        maximum=1e-2,
        more=True,
    )


def plain_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The rate of each group as it was set."""
    return {group["name"]: float(group["lr"]) for group in optimizer.param_groups}


def distance_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """d × lr of each group: what is learned with after the optimizer's own estimate d."""
    return {group["name"]: group["d"] * float(group["lr"]) for group in optimizer.param_groups}


def one_set_of_weights(optimizer: torch.optim.Optimizer, on: bool) -> None:
    """Most optimizers train the very weights that are saved."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by name: its own settings, how to build it, and how it differs from the others.

    build(groups, settings) raises DeviceError when the library behind it is missing or cannot run.
    effective_rates(optimizer): by group, the rate it really learns with.
    training(optimizer, on): puts the weights to train (on) or to save and look at (off) in place;
    train, and save a state to go on from, only while it is on.
    own_schedule: it needs no falling schedule; its rate stays constant after the warm-up.
    wants_equal_rates: it finds one rate for all groups, so that their own should be equal, near 1.
    """

    name: str
    label: str
    help: str
    settings: type
    build: Callable[[ParamGroups, Any], torch.optim.Optimizer]
    effective_rates: Callable[[torch.optim.Optimizer], dict[str, float]] = plain_rates
    training: Callable[[torch.optim.Optimizer, bool], None] = one_set_of_weights
    own_schedule: bool = False
    wants_equal_rates: bool = False
