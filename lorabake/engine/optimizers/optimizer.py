"""What an optimizer's file describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ParamGroups = list[dict[str, Any]]
"""[{"params": [Tensor, …], "lr": float, "name": "unet"}, …]"""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by name: its own settings and how to build it.

    build(groups, settings) raises DeviceError when the library behind it is missing.
    """

    name: str
    label: str
    help: str
    settings: type
    build: Callable[[ParamGroups, Any], torch.optim.Optimizer]
