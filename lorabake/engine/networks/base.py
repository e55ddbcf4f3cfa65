"""What every kind of network is to the trainer and the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class NetworkOptions(Protocol):
    """The part of the recipe that a network is built from (the guide's "Network Args")."""

    @property
    def network_dim(self) -> int: ...
    @property
    def network_alpha(self) -> float: ...
    @property
    def conv_dim(self) -> int: ...
    @property
    def conv_alpha(self) -> float: ...
    @property
    def train_unet(self) -> bool: ...
    @property
    def train_text_encoder(self) -> bool: ...


@dataclass(frozen=True)
class NetworkType:
    """A kind of network: its name in recipes, its label, and how it is put on a model.

    attach: (model, options, seed) -> network; loads torch only when called.
    """

    name: str
    label: str
    attach: Callable[[Any, NetworkOptions, int], Any]
