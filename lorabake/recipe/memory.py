"""A rough idea of the memory a bake takes, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import LorabakeError
from lorabake.engine.identify import identify
from lorabake.recipe.recipe import Recipe

# Activations for one picture of 1024² px at 16 bit. SDXL on a card: measured reports put a plain step
# near this (reliable within a factor of about 1.5). SD 1.5: by its size, with wider feature maps.
PLAIN_MIB = {"sdxl": 9000, "sd15": 6500}
CHECKPOINTED_MIB = {"sdxl": 1800, "sd15": 1500}
# A processor keeps more of them in 32 bit. Measured at SDXL's full size, 512 px, with all of the U-Net
# checkpointed and with none of it: docs/performance.md.
CPU_FACTOR = 1.5
OVERHEAD_MIB = 700  # the card's own context, or the libraries on a processor
FULL_MIB = {"sdxl": 6617, "sd15": 2034}  # a checkpoint in 16 bit


@dataclass(frozen=True)
class Estimate:
    """MiB that a bake takes. fixed: what is trained, its moments, and the libraries.

    plain, checkpointed: activations without and with gradient checkpointing.
    """

    weights: float
    fixed: float
    plain: float
    checkpointed: float

    @property
    def plain_mib(self) -> float:
        return self.weights + self.fixed + self.plain

    @property
    def checkpointed_mib(self) -> float:
        return self.weights + self.fixed + self.checkpointed


def estimate(recipe: Recipe, base: Path | None, device: str = "cuda") -> Estimate | None:
    """What a bake takes on a device ("cuda", "mps" or "cpu"). None: the model is unknown.

    An estimate from sizes alone, for choosing between settings, not a promise.
    """
    if base is None:
        return None
    try:
        found = identify(base)
    except LorabakeError:
        return None
    family = recipe.model.family if recipe.model.family != "auto" else found.family
    family = family if family in FULL_MIB else recipe.family
    wide = 1.0 if recipe.general.mixed_precision != "no" else 2.0
    share = min(1.0, found.mib / FULL_MIB[family])  # smaller models have smaller activations
    pictures = recipe.general.batch_size * (recipe.general.resolution / 1024) ** 2
    factor = pictures * share * wide * (CPU_FACTOR if device == "cpu" else 1.0)
    trained = 3.6 * recipe.network.network_dim * 16 * share  # weights, gradients, moments
    return Estimate(
        weights=found.mib * wide,
        fixed=trained + OVERHEAD_MIB,
        plain=PLAIN_MIB[family] * factor,
        checkpointed=CHECKPOINTED_MIB[family] * factor,
    )


def estimate_mib(recipe: Recipe, base: Path | None) -> int | None:
    """MiB at the peak of a step, with as much checkpointing as the recipe allows."""
    found = estimate(recipe, base)
    if found is None:
        return None
    # "auto" falls back on it where memory is short
    plain = recipe.general.gradient_checkpointing == "off"
    return round(found.plain_mib if plain else found.checkpointed_mib)
