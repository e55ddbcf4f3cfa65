"""What every kind of network layer has in common: base(x) + weight · added(x).

Legend: B batch, T tokens, C channels in, D channels out, r rank, k side of a kernel
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError
from lorabake.core.randomness import derive
from lorabake.engine.networks.dropout import Draw

Shape = tuple[int, ...]


@dataclass
class PartState:
    """What all layers of one part of the model share.

    weight: of the network. draw: the dropout of the batch that is computed now, else None.
    """

    weight: float = 1.0
    draw: Draw | None = None


@dataclass(frozen=True)
class LayerSpec:
    """What one layer is to be. shapes: of its parameters, by name."""

    kind: str
    rank: int
    alpha: float
    shapes: Mapping[str, Shape]


class NetworkLayer(nn.Module):
    """A layer of the model with a trained addition. Parameters are fp32, the base is frozen.

    shortcut: set while pictures are rendered, see shortcuts.py.
    """

    FILE_NAMES: ClassVar[Mapping[str, str]]  # parameter -> tensor in a file
    SCALED: ClassVar[tuple[str, ...]]  # ΔW is linear in these together

    base_layer: Any
    shortcut: Callable[[Tensor], Tensor] | None

    def __init__(self, base_layer: nn.Module, spec: LayerSpec, part: PartState, name: str) -> None:
        super().__init__()
        base_layer.requires_grad_(False)
        self.base_layer = base_layer
        self.linear = isinstance(base_layer, nn.Linear)
        self.kind = spec.kind
        self.rank = spec.rank
        self.alpha = spec.alpha
        self.part = part
        self.name = name
        self.shortcut = None
        device = self.base_layer.weight.device
        for key, shape in spec.shapes.items():
            zeros = torch.zeros(shape, dtype=torch.float32, device=device)
            self.register_parameter(key, nn.Parameter(zeros))

    # --- how it is computed

    def forward(self, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        return self.compute(x) if self.shortcut is None else self.shortcut(x)

    def compute(self, x: Tensor) -> Tensor:
        """The layer with its network at the part's weight, dropout included."""
        result: Tensor = self.base_layer(x)
        return result + self.part.weight * self.added(x) if self.acts else result

    def added(self, x: Tensor) -> Tensor:
        """What the network adds at weight 1, in the dtype of the base layer's answer."""
        raise NotImplementedError

    def delta(self) -> Tensor:
        """W′ − W at weight 1, in fp32 and the shape of W, without gradients."""
        raise NotImplementedError

    def settle(self) -> None:
        """Keeps what can be computed once for all pictures; to be called again for new weights."""

    @property
    def acts(self) -> bool:
        """Whether the network counts now: not at weight 0, not when module dropout skips it."""
        draw = self.part.draw
        return bool(self.part.weight) and not (draw is not None and draw.skips(self.name))

    @property
    def scaling(self) -> float:
        """alpha / r"""
        return self.alpha / self.rank

    @property
    def weight(self) -> Tensor:
        """Of the base layer, for code that asks a layer for its dtype or device."""
        weight: Tensor = self.base_layer.weight
        return weight

    @property
    def bias(self) -> Tensor | None:
        bias: Tensor | None = self.base_layer.bias
        return bias

    def convolve(self, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        """A product with another weight, with the base layer's own stride and padding."""
        if self.linear:
            return F.linear(x, kernel, bias)
        base = self.base_layer
        return F.conv2d(x, kernel, bias, base.stride, base.padding, base.dilation)

    def row_mask(self) -> Tensor | None:
        """Rows of ΔW that count in this batch, see Draw.row_mask: (D,)"""
        draw = self.part.draw
        return (
            None if draw is None else draw.row_mask(self.name, len(self.weight), self.weight.device)
        )

    # --- how it begins

    def initialise(self, seed: int) -> None:
        """Draws the parameters so that the first step is exactly the base model."""
        raise NotImplementedError

    def draw_uniform(
        self, key: str, seed: int, bound: float, purpose: tuple[str, ...] = ()
    ) -> None:
        """Uniform in ±bound, from (seed, layer, parameter) alone: a layer starts the same whatever
        else is trained."""
        parameter = self.get_parameter(key)
        values = torch.empty(parameter.shape).uniform_(
            -bound, bound, generator=self._generator(seed, purpose or (key,))
        )
        with torch.no_grad():
            parameter.copy_(values)

    def draw_normal(self, key: str, seed: int, std: float) -> None:
        parameter = self.get_parameter(key)
        values = torch.empty(parameter.shape).normal_(
            0, std, generator=self._generator(seed, (key,))
        )
        with torch.no_grad():
            parameter.copy_(values)

    def _generator(self, seed: int, purpose: tuple[str, ...]) -> torch.Generator:
        return torch.Generator().manual_seed(derive(seed, "lora", self.name, *purpose))

    # --- how it is kept and written

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters by name."""
        return dict(self.named_parameters(recurse=False))

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], weight: Shape, name: str) -> Read:
        """A file's tensors of one layer as parameters; `weight` is the shape of W.

        Raises ModelFileError when they do not fit.
        """
        values = {key: tensors[file] for key, file in cls.FILE_NAMES.items() if file in tensors}
        rank = cls.rank_of(values)
        shapes = cls.shapes_of(values, weight, rank)
        for key, shape in shapes.items():
            # some programs write a linear layer as a 1×1 convolution or the other way round
            if values[key].numel() != math.prod(shape) or len(values[key]) != shape[0]:
                raise misfit(f"{name}.{cls.FILE_NAMES[key]}", values[key], shape)
            values[key] = values[key].view(shape)
        # a missing alpha means scale 1, and so does 0
        alpha = float(tensors["alpha"]) if "alpha" in tensors else 0.0
        return Read(values, rank, alpha or float(rank))

    @classmethod
    def rank_of(cls, values: Mapping[str, Tensor]) -> int:
        raise NotImplementedError

    @classmethod
    def shapes_of(cls, values: Mapping[str, Tensor], weight: Shape, rank: int) -> dict[str, Shape]:
        """What the parameters of a file must look like on a layer with this W."""
        raise NotImplementedError

    def write(self) -> dict[str, Tensor]:
        """The tensors as they are in a file, without the alpha."""
        return {
            file: self.get_parameter(key).detach()
            for key, file in self.FILE_NAMES.items()
            if hasattr(self, key)
        }

    def written_alpha(self) -> float:
        return self.alpha

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Copies parameters in place."""
        with torch.no_grad():
            for key, parameter in self.trained().items():
                parameter.copy_(values[key])

    def multiply(self, ratio: float) -> None:
        """Makes ΔW `ratio` times what it is."""
        with torch.no_grad():
            for key in self.SCALED:
                if hasattr(self, key):
                    self.get_parameter(key).mul_(ratio)

    def scale_norm(self, limit: float) -> bool:
        """‖ΔW‖ (weight 1, alpha counted) brought down to `limit`; whether it was above."""
        raise NotImplementedError


@dataclass(frozen=True)
class Read:
    """One layer of a file: its parameters by name, rank and alpha."""

    values: dict[str, Tensor]
    rank: int
    alpha: float


def misfit(key: str, tensor: Tensor, shape: Shape) -> ModelFileError:
    return ModelFileError(
        f"{key} is {tuple(tensor.shape)} in the LoRA and {shape} in the model. "
        "Choose the base model it was trained on."
    )


def autocast_off(device: torch.device) -> torch.autocast:
    """For small sums that must not be rounded."""
    return torch.autocast(device.type, enabled=False)
