"""LoRA files on a model for pictures: one epoch after another in place, one weight per picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from lorabake.engine.networks.lora_network import LoraNetwork, layout, network_for
from lorabake.engine.networks.targets import PARTS, UNET


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
        self.network: LoraNetwork | None = None
        self._layout: Mapping[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()

    def load(self, path: Path) -> None:
        """Puts this file's LoRA on the model instead of the one before."""
        from lorabake.engine.lora_file import read_lora

        self.load_state(read_lora(path))

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The same from tensors by their names in a file."""
        ranks = layout(state)
        if self.network is None or ranks != self._layout:
            self.detach()
            self.network = network_for(self.model, state)
            for layer in self.network.layers.values():
                # computing in the model's own precision: no cast in each forward pass
                layer.requires_grad_(False)
                base: Any = layer.base_layer
                layer.lora_A.to(base.weight.dtype)
                layer.lora_B.to(base.weight.dtype)
            self._layout = ranks
        else:
            self.network.load_kohya_state(state)

    @property
    def changes_text(self) -> bool:
        """Whether the loaded file also changes what the text encoders say."""
        return self.network is not None and self.network.parts() != {UNET}

    def set_weights(self, weights: Sequence[float] | None) -> None:
        """One weight per picture for the U-Net; the row may come several times in a batch."""
        if self.network is not None:
            self.network.set_weights(weights, (UNET,))

    def set_prompt_weights(self, weights: Sequence[float] | None) -> None:
        """One weight per prompt for the text encoders; a prompt may be several chunks."""
        if self.network is not None:
            self.network.set_weights(weights, [part for part in PARTS if part != UNET])

    def detach(self) -> None:
        if self.network is not None:
            self.network.detach()
        self.network = None
