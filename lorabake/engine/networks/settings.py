"""The guide's "Network Args", declared once. No torch here: the form reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting

NETWORK_TYPES = ("lora",)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What is trained, and how much of it."""

    type: str = setting(
        "lora",
        "LoRA type",
        help="LoRA. With a conv dim above 0 it also trains the convolutions (a LoCon).",
        choices=NETWORK_TYPES,
    )
    network_dim: int = setting(
        8,
        "Network dim",
        help="How much the LoRA can hold. The guide: 8 for PDXL and Illustrious, 16 for NAI 1.5. "
        "More makes larger files that copy their pictures more easily.",
        minimum=1,
        maximum=1024,
    )
    network_alpha: float = setting(
        4.0,
        "Network alpha",
        help="The guide: half the dim. What is learned is scaled by alpha ÷ dim, so lowering "
        "it works like lowering the learning rate.",
        minimum=0.001,
        maximum=1024,
    )
    conv_dim: int = setting(
        0,
        "Conv dim",
        help="0 leaves the convolutions alone, as the guide does for characters.",
        minimum=0,
        maximum=1024,
        more=True,
    )
    conv_alpha: float = setting(
        4.0,
        "Conv alpha",
        help="As network alpha, for the convolutions.",
        minimum=0.001,
        maximum=1024,
        more=True,
    )
    ip_noise_gamma: float = setting(
        0.0,
        "IP noise gamma",
        help="Extra noise on what the model sees, so that it does not lean on exact pictures. "
        "The guide: 0.05 for PDXL and Illustrious. 0 is off.",
        minimum=0,
        maximum=1,
    )
    train_unet: bool = setting(True, "Train the U-Net", help="The part that draws.", more=True)
    train_text_encoder: bool = setting(
        True,
        "Train the text encoders",
        help="The part that reads tags. Off saves memory and time; a text encoder rate of 0 is the same.",
        more=True,
    )
