"""All layers of a network together: on a model and off again, training state, and saved form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError
from lorabake.engine.networks.dropout import Chances, Draw
from lorabake.engine.networks.file_keys import ALPHA, layers_of, weighty
from lorabake.engine.networks.kinds import LAYERS, read_layer
from lorabake.engine.networks.layer import LayerSpec, NetworkLayer, PartState
from lorabake.engine.networks.targets import PARTS, UNET, Target, part_of


class LayeredNetwork:
    """The layers that are on a model now, by their names in a file. See base.Network."""

    def __init__(self, model: Any, plan: Mapping[Target, LayerSpec]) -> None:
        self.model = model
        self.chances = Chances()
        self.targets = {target.name: target for target in plan}
        assert len(self.targets) == len(plan), "two layers of one name"
        self.states = {part: PartState() for part in PARTS}
        for part in PARTS:
            if (module := part_of(model, part)) is not None:
                module.requires_grad_(False)
        self.layers: dict[str, NetworkLayer] = {
            target.name: self._wrap(target, spec) for target, spec in plan.items()
        }

    def _wrap(self, target: Target, spec: LayerSpec) -> NetworkLayer:
        module = part_of(self.model, target.part)
        assert module is not None
        base = module.get_submodule(target.path)
        layer = LAYERS[spec.kind](base, spec, self.states[target.part], target.name)
        _replace(module, target.path, layer)
        return layer

    def detach(self) -> None:
        """Takes the network off again; the model is the plain base as before."""
        for name, layer in self.layers.items():
            target = self.targets[name]
            module = part_of(self.model, target.part)
            assert module is not None
            _replace(module, target.path, layer.base_layer)
        self.layers = {}

    def initialise(self, seed: int) -> None:
        for layer in self.layers.values():
            layer.initialise(seed)

    # --- training

    def parts(self) -> set[str]:
        """The parts of the model that have layers."""
        return {target.part for target in self.targets.values()}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """What the optimizer trains, by part of the model; a part without layers is left out."""
        groups: dict[str, list[nn.Parameter]] = {}
        for name, layer in self.layers.items():
            groups.setdefault(self.targets[name].part, []).extend(layer.trained().values())
        return groups

    def parameters(self) -> list[nn.Parameter]:
        return [p for group in self.parameter_groups().values() for p in group]

    def set_weight(self, weight: float, parts: Iterable[str] = PARTS) -> None:
        """How strongly the network acts; 1 at first. Many weights at once: see switch.py."""
        for part in parts:
            self.states[part].weight = weight

    def begin_batch(self, seed: int, number: int, first_slot: int = 0) -> None:
        """Dropout as it is for this batch, until `end_batch`: to be called after the backward pass,
        because gradient checkpointing computes layers again there.

        number: of the batch. first_slot: of the piece of it that is computed now.
        """
        if self.chances:
            for part, state in self.states.items():
                state.draw = Draw(self.chances, seed, number, first_slot, by_slot=part == UNET)

    def end_batch(self) -> None:
        for state in self.states.values():
            state.draw = None

    def scale_weight_norms(self, limit: float) -> int:
        """Brings ‖ΔW‖ of each layer down to `limit`; how many were above."""
        return sum(layer.scale_norm(limit) for layer in self.layers.values())

    # --- what is kept

    def train_state(self) -> dict[str, Tensor]:
        """The exact fp32 weights, to go on from after a break."""
        return {key: weight.detach().cpu().clone() for key, weight in self._named()}

    def load_train_state(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for key, weight in self._named():
                if key not in state or state[key].shape != weight.shape:
                    raise ModelFileError(
                        f"The saved state has no {key} of this shape: it is of another recipe. "
                        "Start the bake anew."
                    )
                weight.copy_(state[key])

    def _named(self) -> list[tuple[str, nn.Parameter]]:
        return [
            (f"{name}.{layer.FILE_NAMES[key]}", weight)
            for name, layer in self.layers.items()
            for key, weight in layer.trained().items()
        ]

    def file_state(self, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
        """The tensors as other programs read them: name -> tensor on the CPU, sorted by name."""
        state: dict[str, Tensor] = {}
        for name, layer in self.layers.items():
            for key, tensor in layer.write().items():
                state[f"{name}.{key}"] = tensor.to("cpu", dtype, copy=True).contiguous()
            state[name + ALPHA] = torch.tensor(layer.written_alpha(), dtype=dtype)
        return dict(sorted(state.items()))

    def load_file_state(self, state: Mapping[str, Tensor]) -> None:
        """Copies the tensors of a file of the same layout in place.

        Raises ModelFileError when a layer is missing, unknown, of another kind or rank.
        """
        layers = weighty(layers_of(state))
        if differing := layers.keys() ^ self.layers.keys():
            raise ModelFileError(
                f"This LoRA and the network do not have the same layers ({sorted(differing)[0]} and "
                f"{len(differing) - 1} more differ). Use a LoRA of the same run."
            )
        for name, layer in self.layers.items():
            kind, read = read_layer(name, layers[name], tuple(layer.weight.shape))
            now = {key: weight.shape for key, weight in layer.trained().items()}
            if kind != layer.kind or {k: v.shape for k, v in read.values.items()} != now:
                raise ModelFileError(
                    f"{name} is of another kind or dim in this LoRA. Use a LoRA of the same run."
                )
            layer.load(read.values)
            layer.alpha = read.alpha


def _replace(module: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    holder = module.get_submodule(parent)
    if name.isdigit():
        holder[int(name)] = layer  # type: ignore[operator]  # a ModuleList, as to_out
    else:
        setattr(holder, name, layer)
