"""The families that can be baked for, and what tells them apart in words. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Prediction = Literal["epsilon", "v"]
AUTO = "auto"


@dataclass(frozen=True)
class Family:
    """One kind of base model.

    parts: its networks, in the order in which they are loaded. scaling_factor: what its U-Net's
    latents are multiplied by. vae_hint: a VAE that goes with it.
    """

    name: str
    label: str
    parts: tuple[str, ...]
    scaling_factor: float
    vae_hint: str


SDXL = Family(
    "sdxl",
    "SDXL",
    ("unet", "text_encoder", "text_encoder_2", "vae"),
    0.13025,
    "sdxl_vae.safetensors",
)
SD15 = Family(
    "sd15",
    "SD 1.5",
    ("unet", "text_encoder", "vae"),
    0.18215,
    "vae-ft-mse-840000-ema-pruned.safetensors",
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in (SDXL, SD15)}
