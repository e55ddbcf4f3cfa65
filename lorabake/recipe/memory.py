"""A rough idea of the memory a bake takes, before it starts."""

from __future__ import annotations

from pathlib import Path

from lorabake.core.errors import LorabakeError
from lorabake.engine.identify import identify
from lorabake.recipe.recipe import Recipe

# Activations of SDXL for one picture of 1024² px at 16 bit: measured reports put the difference
# between a checkpointed and a plain step near this (reliable within a factor of about 1.5).
PLAIN_MIB = 9000
CHECKPOINTED_MIB = 1800
OVERHEAD_MIB = 700  # the card's own context and the library's work space
SDXL_MIB = 6617  # an SDXL checkpoint in 16 bit


def estimate_mib(recipe: Recipe, base: Path | None) -> int | None:
    """MiB at the peak of a step: weights, activations, and what is trained. None: model unknown.

    An estimate from sizes alone, for choosing between settings, not a promise.
    """
    if base is None:
        return None
    try:
        found = identify(base)
    except LorabakeError:
        return None
    sixteen_bit = recipe.general.mixed_precision != "no"
    weights = found.mib * (1.0 if sixteen_bit else 2.0)
    share = found.mib / SDXL_MIB  # smaller models have smaller activations
    pictures = recipe.general.batch_size * (recipe.general.resolution / 1024) ** 2
    checkpointed = recipe.general.gradient_checkpointing != "off"  # auto falls back on it
    per_picture = CHECKPOINTED_MIB if checkpointed else PLAIN_MIB
    activations = per_picture * pictures * min(1.0, share) * (1 if sixteen_bit else 2)
    trained = 3.6 * recipe.network.network_dim * 16 * min(1.0, share)  # weights, gradients, moments
    return round(weights + activations + trained + OVERHEAD_MIB)
