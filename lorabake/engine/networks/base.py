"""What every kind of network is to the trainer and the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class NetworkType:
    """A kind of network: its name in recipes and its label."""

    name: str
    label: str


class Network(Protocol):
    """A network on a model. Layers go by their names in a file, parts are those of targets.py."""

    @property
    def layers(self) -> Mapping[str, Any]: ...

    def parts(self) -> set[str]:
        """The parts of the model that have layers."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """What the optimizer trains, by part; a part without layers is left out."""

    def parameters(self) -> list[nn.Parameter]: ...

    def detach(self) -> None:
        """Takes the network off again; the model is the plain base as before."""

    def train_state(self) -> dict[str, Tensor]:
        """The exact fp32 weights, to go on from after a break."""

    def load_train_state(self, state: Mapping[str, Tensor]) -> None: ...

    def file_state(self, dtype: torch.dtype = ...) -> dict[str, Tensor]:
        """The tensors as other programs read them."""

    def load_file_state(self, state: Mapping[str, Tensor]) -> None: ...

    def set_weight(self, weight: float, parts: Iterable[str] = ...) -> None: ...

    def begin_batch(self, seed: int, number: int, first_slot: int = 0) -> None:
        """Dropout as it is for this batch, until `end_batch`, which comes after the backward pass.

        first_slot: of the piece of the batch that is computed now.
        """

    def end_batch(self) -> None: ...

    def scale_weight_norms(self, limit: float) -> int:
        """Brings ‖ΔW‖ of each layer down to `limit`; how many were above."""
