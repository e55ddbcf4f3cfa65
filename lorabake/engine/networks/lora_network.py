"""All LoRA layers of a model together: building, training state, and the form they are saved in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError, RecipeError
from lorabake.engine.lora_file import ALPHA, DOWN, UP
from lorabake.engine.networks.lora_layers import LoraLayer, Strength, wrap
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.networks.targets import (
    PARTS,
    TEXT_ENCODER_1,
    TEXT_ENCODER_2,
    UNET,
    Target,
    find_targets,
    part_of,
)


@dataclass(frozen=True)
class Shape:
    """Rank and alpha of one layer."""

    rank: int
    alpha: float


class LoraNetwork:
    """The LoRA layers that are on a model now, by their names in a file."""

    def __init__(self, model: Any, plan: Mapping[Target, Shape]) -> None:
        self.model = model
        self.targets = {target.name: target for target in plan}
        assert len(self.targets) == len(plan), "two layers of one name"
        self.strengths = {part: Strength() for part in PARTS}
        for part in PARTS:
            if (module := part_of(model, part)) is not None:
                module.requires_grad_(False)
        self.layers: dict[str, LoraLayer] = {
            target.name: self._wrap(target, shape) for target, shape in plan.items()
        }

    def _wrap(self, target: Target, shape: Shape) -> LoraLayer:
        module = part_of(self.model, target.part)
        assert module is not None
        layer = wrap(
            module.get_submodule(target.path),
            shape.rank,
            shape.alpha,
            self.strengths[target.part],
        )
        _replace(module, target.path, layer)
        return layer

    def detach(self) -> None:
        """Takes the LoRA off again; the model is the plain base as before."""
        for name, layer in self.layers.items():
            target = self.targets[name]
            module = part_of(self.model, target.part)
            assert module is not None
            _replace(module, target.path, layer.base_layer)
        self.layers = {}

    def initialise(self, seed: int) -> None:
        for name, layer in self.layers.items():
            layer.initialise(seed, name)

    def parts(self) -> set[str]:
        """The parts of the model that have LoRA layers."""
        return {target.part for target in self.targets.values()}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """What the optimizer trains, by part of the model; a part without layers is left out."""
        groups: dict[str, list[nn.Parameter]] = {}
        for name, layer in self.layers.items():
            groups.setdefault(self.targets[name].part, []).extend((layer.down, layer.up))
        return groups

    def parameters(self) -> list[nn.Parameter]:
        return [p for group in self.parameter_groups().values() for p in group]

    def set_weight(self, weight: float, parts: Iterable[str] = PARTS) -> None:
        """How strongly the LoRA acts; 1 at first. Many weights at once: see switch.py."""
        for part in parts:
            self.strengths[part].weight = weight

    def kohya_state(self, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
        """The tensors as other programs read them: name -> tensor on the CPU, sorted by name."""
        state: dict[str, Tensor] = {}
        for name, layer in self.layers.items():
            state[name + DOWN] = _saved(layer.down, dtype)
            state[name + UP] = _saved(layer.up, dtype)
            state[name + ALPHA] = torch.tensor(layer.alpha, dtype=dtype)
        return dict(sorted(state.items()))

    def load_kohya_state(self, state: Mapping[str, Tensor]) -> None:
        """Copies the tensors of a file of the same layout in place.

        Raises ModelFileError when a layer is missing, unknown or of another rank.
        """
        modules = _modules(state)
        if differing := modules.keys() ^ self.layers.keys():
            raise ModelFileError(
                f"This LoRA and the network do not have the same layers ({sorted(differing)[0]} and "
                f"{len(differing) - 1} more differ). Use a LoRA of the same run."
            )
        for name, layer in self.layers.items():
            _copy(layer, name, state)
            # a missing alpha means scale 1, and so does 0
            layer.set_alpha(float(state.get(name + ALPHA, 0)) or float(layer.rank))

    def train_state(self) -> dict[str, Tensor]:
        """The exact fp32 weights, to go on from after a break."""
        return {
            name + suffix: weight.detach().cpu().clone()
            for name, layer in self.layers.items()
            for suffix, weight in ((DOWN, layer.down), (UP, layer.up))
        }

    def load_train_state(self, state: Mapping[str, Tensor]) -> None:
        for name, layer in self.layers.items():
            _copy(layer, name, state)


def attach_lora(model: Any, settings: NetworkSettings, seed: int) -> LoraNetwork:
    """An untrained network as the recipe asks for it."""
    parts: tuple[str, ...] = (UNET,) if settings.train_unet else ()
    if settings.train_text_encoder:
        parts = (*parts, TEXT_ENCODER_1, TEXT_ENCODER_2)
    if not parts:
        raise RecipeError(
            "Nothing would be trained: neither the U-Net nor the text encoders. "
            "Switch on at least one of them under Network Args."
        )
    linear = Shape(settings.network_dim, settings.network_alpha or settings.network_dim)
    conv = Shape(settings.conv_dim, settings.conv_alpha or settings.conv_dim)
    targets = find_targets(model, parts=parts, conv=settings.conv_dim > 0)
    network = LoraNetwork(model, {t: conv if t.is_conv else linear for t in targets})
    network.initialise(seed)
    return network


def network_for(model: Any, state: Mapping[str, Tensor]) -> LoraNetwork:
    """A network with the layers and ranks of a file, its weights loaded."""
    known = {target.name: target for target in find_targets(model, conv=True)}
    modules = _modules(state)
    if unknown := sorted(modules.keys() - known.keys()):
        raise ModelFileError(
            f"This LoRA has layers that the model does not have ({unknown[0]}"
            + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
            + "). It was made for another kind of model; choose the base model it was trained on."
        )
    plan = {known[name]: Shape(rank, float(rank)) for name, rank in modules.items()}
    network = LoraNetwork(model, plan)
    network.load_kohya_state(state)
    return network


def layout(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Layers and their ranks; two files of the same layout can be swapped in place."""
    return _modules(state)


def _modules(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Layer name -> rank; raises ModelFileError for what is not a plain LoRA."""
    modules: dict[str, int] = {}
    for key, tensor in state.items():
        if key.endswith(DOWN):
            name = key.removesuffix(DOWN)
            if name + UP not in state:
                raise ModelFileError(
                    f"This LoRA is incomplete: {name}{UP} is missing. Get it again."
                )
            modules[name] = len(tensor)
        elif not key.endswith((UP, ALPHA)):
            raise ModelFileError(
                f"This is not a plain LoRA: it has a tensor called {key[-60:]!r}. "
                "Other kinds of networks cannot be loaded yet."
            )
    return modules


def _copy(layer: LoraLayer, name: str, state: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for weight, key in ((layer.down, name + DOWN), (layer.up, name + UP)):
            # some programs write a linear layer as a 1×1 convolution or the other way round
            if weight.numel() != state[key].numel() or len(weight) != len(state[key]):
                raise ModelFileError(
                    f"{key} is {tuple(state[key].shape)} in the LoRA and {tuple(weight.shape)} in "
                    "the model. Choose the base model it was trained on."
                )
            weight.copy_(state[key].view_as(weight))


def _saved(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.detach().to(device="cpu", dtype=dtype, copy=True).contiguous()


def _replace(module: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    holder = module.get_submodule(parent)
    if name.isdigit():
        holder[int(name)] = layer  # type: ignore[operator]  # a ModuleList, as to_out
    else:
        setattr(holder, name, layer)
