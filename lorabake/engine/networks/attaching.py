"""Networks for a recipe or for a file, put on a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lorabake.core.errors import ModelFileError, RecipeError
from lorabake.engine.networks.checks import (
    conv_shape,
    linear_shape,
    require_sound,
    trains_convolutions,
)
from lorabake.engine.networks.dropout import Chances
from lorabake.engine.networks.file_keys import GLORA, LABELS, kinds_of, layers_of, weighty
from lorabake.engine.networks.kinds import kind_for, read_layer, spec_for, spec_of
from lorabake.engine.networks.layer import LayerSpec, Read, Shape
from lorabake.engine.networks.network import LayeredNetwork
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.networks.targets import (
    TEXT_ENCODER_1,
    TEXT_ENCODER_2,
    UNET,
    Target,
    find_targets,
    part_of,
)


def attach_network(
    model: Any, settings: NetworkSettings, seed: int, weights: Path | None = None
) -> LayeredNetwork:
    """An untrained network as the recipe asks for it, or one that goes on from a file."""
    require_sound(settings)
    found = {} if weights is None else _found_in(weights, model, settings)
    if found and settings.dim_from_weights:
        plan = {target: spec_of(kind, read) for target, (kind, read) in found.items()}
    else:
        plan = plan_for(model, settings)
    network = LayeredNetwork(model, plan)
    network.initialise(seed)
    network.chances = Chances(
        settings.network_dropout, settings.rank_dropout, settings.module_dropout
    )
    if weights is not None:
        _go_on_from(network, found, weights.name)
    return network


def network_for(model: Any, state: Mapping[str, Tensor]) -> LayeredNetwork:
    """A network with the layers and ranks of a file, its weights loaded."""
    found = _read(model, state)
    network = LayeredNetwork(
        model, {target: spec_of(kind, read) for target, (kind, read) in found.items()}
    )
    for target, (_, read) in found.items():
        network.layers[target.name].load(read.values)
    return network


def require_fit(model: Any, state: Mapping[str, Tensor]) -> None:
    """Raises ModelFileError when a file's layers are not this model's; its weights are not needed."""
    _read(model, state)


def plan_for(model: Any, settings: NetworkSettings) -> dict[Target, LayerSpec]:
    """Every layer that is to be trained, and what it is to be."""
    targets = find_targets(
        model,
        parts=parts_that_train(settings),
        conv=trains_convolutions(settings),
        layers=settings.target_layers,
    )
    plan = {}
    for target in targets:
        if kind_for(settings) == GLORA and target.kernel:
            continue  # SD 1.5's 1×1 convolutions, which A1111 cannot draw
        rank, alpha = conv_shape(settings) if target.is_conv else linear_shape(settings)
        plan[target] = spec_for(settings, _shape(model, target), rank, alpha)
    return plan


def parts_that_train(settings: NetworkSettings) -> tuple[str, ...]:
    parts: tuple[str, ...] = (UNET,) if settings.train_unet else ()
    return (*parts, TEXT_ENCODER_1, TEXT_ENCODER_2) if settings.train_text_encoder else parts


def layout(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    """Names and shapes; two files of the same layout can be swapped in place."""
    return {key: tuple(t.shape) for key, t in state.items() if not key.endswith(".alpha")}


def _read(model: Any, state: Mapping[str, Tensor]) -> dict[Target, tuple[str, Read]]:
    """What a file holds for each layer of this model."""
    kinds_of(state)  # what is of no known kind is said first
    known = {target.name: target for target in find_targets(model, conv=True)}
    layers = weighty(layers_of(state))
    if unknown := sorted(layers.keys() - known.keys()):
        raise ModelFileError(
            f"This LoRA has layers that the model does not have ({unknown[0]}"
            + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
            + "). It was made for another kind of model; choose the base model it was trained on."
        )
    return {
        known[name]: read_layer(name, tensors, _shape(model, known[name]))
        for name, tensors in layers.items()
    }


def _found_in(
    weights: Path, model: Any, settings: NetworkSettings
) -> dict[Target, tuple[str, Read]]:
    """What a file to go on from holds for the parts that are trained."""
    from lorabake.engine.lora_file import read_lora

    state = read_lora(weights)
    kinds, wanted = kinds_of(state), kind_for(settings)
    if kinds != {wanted}:
        there = " and ".join(sorted(LABELS[kind] for kind in kinds))
        raise RecipeError(
            f"{weights.name} is a {there}, and the recipe trains a {LABELS[wanted]}. "
            "Choose a file of the same kind, or change LoRA type and DoRA."
        )
    parts = parts_that_train(settings)
    found = {t: each for t, each in _read(model, state).items() if t.part in parts}
    if not found:
        raise RecipeError(
            f"{weights.name} has no layers in the parts that are trained. "
            "Choose another file to start from."
        )
    return found


def _go_on_from(
    network: LayeredNetwork, found: Mapping[Target, tuple[str, Read]], name: str
) -> None:
    """Copies a file's weights into the layers of a network; layers it lacks stay as they begin.

    Where alpha ÷ dim differs, the weights are scaled, so that the start renders as the file does.
    """
    fitting = 0
    for target, (_, read) in found.items():
        layer = network.layers.get(target.name)
        if layer is None:
            continue  # this recipe does not train it
        theirs = {key: tuple(t.shape) for key, t in read.values.items()}
        ours = {key: tuple(t.shape) for key, t in layer.trained().items()}
        if theirs != ours:
            raise RecipeError(
                f"{name} has dim {read.rank} and the recipe {layer.rank} (in {target.name}). "
                "Switch Dim from that file on, or set the same dims."
            )
        ours_scale, alpha = layer.scaling, layer.alpha
        layer.load(read.values)
        layer.alpha = read.alpha
        layer.multiply(layer.scaling / ours_scale)
        layer.alpha = alpha
        fitting += 1
    if not fitting:
        raise RecipeError(
            f"{name} has none of the layers that are trained. Choose a file of the same kind."
        )


def _shape(model: Any, target: Target) -> Shape:
    module = part_of(model, target.part)
    assert module is not None
    weight: Any = module.get_submodule(target.path).weight
    return tuple(weight.shape)
