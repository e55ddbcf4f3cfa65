"""A smoothed copy of what is trained: the exponential moving average of the network's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lorabake.engine.networks.base import Network


class Ema:
    """The smoothed weights of a network, in fp32 beside the trained ones.

    decay: how much of the copy stays at each step. At first less stays, (1 + n) / (10 + n) after n
    steps, or the copy would long remember the untrained weights (as TensorFlow's
    ExponentialMovingAverage with num_updates).
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = network
        self.decay = decay
        self.weights = [p.detach().clone() for p in network.parameters()]

    @torch.no_grad()
    def update(self, steps_done: int) -> None:
        """Take in the weights as they are after `steps_done` steps, from 1."""
        decay = min(self.decay, (1 + steps_done) / (10 + steps_done))
        trained = [p.detach() for p in self.network.parameters()]
        torch._foreach_lerp_(self.weights, trained, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within, the network has the smoothed weights; afterwards its own again, to the bit."""
        own = [p.detach().clone() for p in self.network.parameters()]
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(own)

    def state(self) -> dict[str, Tensor]:
        """The smoothed weights by their place: "00000", … on the CPU."""
        return {f"{place:05d}": weight.cpu().clone() for place, weight in enumerate(self.weights)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        for place, weight in enumerate(self.weights):
            weight.copy_(state[f"{place:05d}"])

    @torch.no_grad()
    def _put(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self.network.parameters(), weights, strict=True):
            parameter.copy_(weight)
