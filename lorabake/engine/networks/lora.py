"""LoRA: the guide's network for characters. With a conv dim it is what others call LoCon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabake.engine.networks.base import NetworkType
from lorabake.engine.networks.settings import NetworkSettings

if TYPE_CHECKING:
    from lorabake.engine.networks.lora_network import LoraNetwork


def attach(model: Any, settings: NetworkSettings, seed: int = 0) -> LoraNetwork:
    """Puts an untrained LoRA on a loaded model and freezes everything else.

    model: what `families` loads (unet, text_encoder, text_encoder_2, family).
    """
    from lorabake.engine.networks.lora_network import attach_lora

    return attach_lora(model, settings, seed)


ENTRY = NetworkType("lora", "LoRA", attach)
