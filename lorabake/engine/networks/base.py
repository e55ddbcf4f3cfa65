"""What every kind of network is to the trainer and the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lorabake.engine.networks.settings import NetworkSettings


@dataclass(frozen=True)
class NetworkType:
    """A kind of network: its name in recipes, its label, and how it is put on a model.

    attach: (model, settings, seed) -> network; loads torch only when called.
    """

    name: str
    label: str
    attach: Callable[[Any, NetworkSettings, int], Any]
