"""LoRA files on a model for pictures: one epoch after another in place, one weight per picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from lorabake.engine.networks.attaching import layout, network_for
from lorabake.engine.networks.blocks import BlockWeights, blocks_of
from lorabake.engine.networks.layer import Shape
from lorabake.engine.networks.lowrank import first_ranks
from lorabake.engine.networks.network import LayeredNetwork
from lorabake.engine.networks.shortcuts import Remembered, shortcut_for, worth_merging
from lorabake.engine.networks.targets import PARTS, UNET

# These hear the prompt, which is the same at every step.
TEXT_LAYERS = (".attn2.to_k", ".attn2.to_v")


class LoraSwitch:
    """Puts LoRA files on a loaded model; the model is the plain base again afterwards.

    with LoraSwitch(model) as switch:
        switch.load(path)                   # the next file is copied into the same layers
        switch.set_prompt_weights([0.6, 0.8])
        conditioning = model.encode_prompts([prompt, prompt])
        switch.set_weights([0.6, 0.8])
        ...                                 # a batch of two, or [uncond, uncond, cond, cond]
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.network: LayeredNetwork | None = None
        self._layout: Mapping[str, Shape] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()

    def load(self, path: Path, ranks: int | None = None) -> None:
        """Puts this file's network on the model instead of the one before; its first ranks, or all."""
        from lorabake.engine.lora_file import read_lora

        self.load_state(first_ranks(read_lora(path), ranks))

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The same from tensors by their names in a file."""
        shapes = layout(state)
        if self.network is None or shapes != self._layout:
            self.detach()
            self.network = network_for(self.model, state)
            self._layout = shapes
        else:
            self.network.load_file_state(state)
        for layer in self.network.layers.values():
            layer.requires_grad_(False)
            layer.shortcut = None  # it was of the file and weights before
            layer.settle()

    @property
    def changes_text(self) -> bool:
        """Whether the loaded file also changes what the text encoders say."""
        return self.network is not None and self.network.parts() != {UNET}

    def set_weights(
        self, weights: Sequence[float], blocks: Sequence[BlockWeights | None] = ()
    ) -> None:
        """One weight for each picture in the U-Net, or one for all of them.

        blocks: what each picture's weight is multiplied by in each block; none: 1 everywhere. To be
        called after `load` and before each row. The row may come several times in a batch, as in
        [uncond row, cond row].
        """
        if self.network is None:
            return
        if not any(blocks):
            blocks = ()
        usual = weights[0] if len(set(weights)) == 1 and not blocks else 1.0
        self.network.set_weight(usual, (UNET,))
        paths = {t.name: t.path for t in self.network.targets.values() if t.part == UNET}
        in_unet = {name: self.network.layers[name] for name in paths}
        places = blocks_of(self.model.unet.config) if blocks else {}
        merge = worth_merging(list(in_unet.values()), len(weights))
        for name, layer in in_unet.items():
            own = [
                weight if block is None else weight * block.of(places[paths[name]])
                for weight, block in zip(weights, blocks or [None] * len(weights), strict=True)
            ]
            layer.shortcut = shortcut_for(layer, own, merge=merge, usual=usual)
            if paths[name].endswith(TEXT_LAYERS):
                layer.shortcut = Remembered(layer.shortcut or layer.compute)

    def set_prompt_weight(self, weight: float) -> None:
        """The weight in the text encoders, for the prompts that are encoded next."""
        if self.network is not None:
            self.network.set_weight(weight, [part for part in PARTS if part != UNET])

    def detach(self) -> None:
        if self.network is not None:
            self.network.detach()
        self.network = None
