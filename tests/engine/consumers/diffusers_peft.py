"""diffusers itself, which is installed here: its own conversion of kohya names, on peft's layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def put_on_unet(unet: Any, state: Mapping[str, Tensor], m: float, *, sdxl: bool) -> None:
    """Loads a kohya file's U-Net part as a pipeline does; raises what diffusers raises."""
    from diffusers.loaders import (
        StableDiffusionLoraLoaderMixin,
        StableDiffusionXLLoraLoaderMixin,
    )

    mixin: Any = StableDiffusionXLLoraLoaderMixin if sdxl else StableDiffusionLoraLoaderMixin
    config = {"unet_config": unet.config} if sdxl else {}
    converted, alphas = mixin.lora_state_dict(dict(state), **config)
    mixin.load_lora_into_unet(converted, network_alphas=alphas, unet=unet, adapter_name="it")
    unet.set_adapters(["it"], [m])
