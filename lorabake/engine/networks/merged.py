"""LoRAs added to a model's own weights, as web UIs do it, and taken off again without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.blocks import BlockWeights, blocks_of
from lorabake.engine.networks.lowrank import first_ranks
from lorabake.engine.networks.targets import UNET


@dataclass(frozen=True)
class Strength:
    """A LoRA file and how much of it. text, unet: its weights in the text encoders and the U-Net.

    blocks: what `unet` is multiplied by in each block. ranks: how many of its ranks count, None: all.
    """

    path: Path
    text: float
    unet: float
    blocks: BlockWeights | None = None
    ranks: int | None = None


class MergedLoras:
    """What is added to a model's weights now.

    A model with a network on it (see switch.py) must be without it while this changes.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.now: tuple[Strength, ...] = ()
        self._before: dict[Tensor, Tensor] = {}  # a weight of the model, and what it was

    def put(self, wanted: Sequence[Strength]) -> None:
        """W + Σ weight · ΔW of exactly these files, each computed on what came before it."""
        from lorabake.engine.lora_file import read_lora

        if tuple(wanted) == self.now:
            return
        self.take_off()
        self.now = tuple(wanted)
        try:
            for strength in wanted:
                state = first_ranks(read_lora(strength.path), strength.ranks)
                self._add(network_for(self.model, state), strength)
        except BaseException:
            self.take_off()
            raise

    def take_off(self) -> None:
        with torch.no_grad():
            for weight, before in self._before.items():
                weight.copy_(before)
        self._before = {}
        self.now = ()

    def _add(self, network: Any, strength: Strength) -> None:
        places = blocks_of(self.model.unet.config) if strength.blocks else {}
        try:
            with torch.no_grad():
                for name, layer in network.layers.items():
                    target = network.targets[name]
                    share = strength.unet if target.part == UNET else strength.text
                    if strength.blocks and target.part == UNET:
                        share *= strength.blocks.of(places[target.path])
                    weight: Tensor = layer.base_layer.weight
                    if not share:
                        continue
                    if weight not in self._before:
                        self._before[weight] = weight.detach().cpu().clone()
                    weight.copy_(weight.float() + share * layer.delta().view_as(weight))
        finally:
            network.detach()
