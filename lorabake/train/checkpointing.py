"""Gradient checkpointing where memory asks for it, and only for as much of the model as it asks.

A checkpointed part of the model keeps its input only and is computed again on the way back: less
memory, a third more time, the same result. Parts are switched one by one, so a card with room for
half of the activations does half of the work twice and not all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabake.engine.device import DeviceInfo, free_mib
from lorabake.recipe.memory import Estimate
from lorabake.recipe.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from lorabake.engine.families.model import Model

RESERVE_MIB = 600  # of a card, for what others on the screen take while it bakes
USABLE_ON_CPU = 0.39  # of the machine's memory, so that it stays usable for everything else


class Checkpointing:
    """Which parts of a loaded model are checkpointed now. share: of the U-Net's work, 0 to 1."""

    def __init__(self, model: Model, share: float) -> None:
        self.model = model
        self.share = 0.0
        if share:
            self.set(share)

    def set(self, share: float) -> None:
        """Checkpoint this share of the model, spread evenly over its depth."""
        self.model.enable_gradient_checkpointing()
        due = 0.0
        units = _units(self.model.unet) if self.model.has("unet") else []
        whole = sum(size for _, size in units)
        done = 0.0
        for unit, size in units:
            # as Bresenham draws a line: as soon as less is done than is due, the next one is
            due += share * size
            unit.gradient_checkpointing = share >= 1 or due - done >= size / 2
            done += size if unit.gradient_checkpointing else 0
        self.share = done / whole if whole else share


def _units(unet: nn.Module) -> list[tuple[Any, float]]:
    """What can be checkpointed apart from the rest, with its size in parameters of its own."""
    found = [m for m in unet.modules() if hasattr(m, "gradient_checkpointing") and m is not unet]
    sizes = {id(m): float(sum(p.numel() for p in m.parameters())) for m in found}
    own = dict(sizes)
    for module in found:
        for inner in module.modules():
            if inner is not module and id(inner) in sizes:
                own[id(module)] -= sizes[id(inner)]
    return [(module, own[id(module)]) for module in found]


def share_for(recipe: Recipe, estimate: Estimate | None, device: DeviceInfo) -> float:
    """How much of the model a bake has to checkpoint on this device: 0 to 1.

    A wrong guess costs time and nothing else: when a step runs out of memory, all is checkpointed.
    """
    wish = recipe.general.gradient_checkpointing
    if wish != "auto" or estimate is None:
        return 0.0 if wish == "off" else 1.0
    room = budget_mib(device, estimate)
    if room <= 0:  # the device does not say
        return 1.0
    missing = estimate.plain_mib - room
    saved = estimate.plain_mib - estimate.checkpointed_mib
    return min(1.0, max(0.0, missing / saved)) if saved > 0 else 0.0


def budget_mib(device: DeviceInfo, estimate: Estimate) -> float:
    """MiB that a bake may take on a device whose model is loaded already; 0 when unknown."""
    free = free_mib(device)
    if device.kind == "cuda":
        return max(0.0, free - RESERVE_MIB) + estimate.weights
    return min(free, device.mib * USABLE_ON_CPU)
