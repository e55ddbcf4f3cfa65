"""The kinds of networks that can be trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.registry import Registry
from lorabake.engine.networks.base import Network, NetworkType
from lorabake.engine.networks.settings import NetworkSettings

if TYPE_CHECKING:
    from lorabake.engine.networks.network import LayeredNetwork

NETWORKS = Registry(
    "LoRA type",
    NetworkType("lora", "LoRA"),
    NetworkType("locon", "LoCon"),
    NetworkType("loha", "LoHa"),
    NetworkType("lokr", "LoKr"),
    NetworkType("glora", "GLoRA"),
)

__all__ = ["NETWORKS", "Network", "NetworkSettings", "NetworkType", "attach"]


def attach(
    model: Any, settings: NetworkSettings, seed: int = 0, *, weights: Path | None = None
) -> LayeredNetwork:
    """Puts an untrained network on a loaded model and freezes everything else.

    model: what `families` loads (unet, text_encoder, text_encoder_2, family).
    weights: a LoRA file to go on from. Raises RecipeError when the settings contradict each other or
    that file, ModelFileError when the file is damaged or was made for another kind of model.
    """
    from lorabake.engine.networks.attaching import attach_network

    return attach_network(model, settings, seed, weights)
