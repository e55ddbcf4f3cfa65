"""The guide's "Network Args", declared once. No torch here: the form reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting

NETWORK_TYPES = ("lora", "locon", "loha", "lokr", "glora")
TARGET_LAYERS = ("attn", "attn-mlp", "full")


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What is trained, and how much of it."""

    type: str = setting(
        "lora",
        "LoRA type",
        help="The guide: LoRA; LoCon for a DoRA; GLoRA for styles. LoCon also trains the "
        "convolutions; LoHa and LoKr are small relatives.",
        choices=NETWORK_TYPES,
    )
    dora: bool = setting(
        False,
        "DoRA",
        help="LoRA and LoCon only: learns direction and length of each column of weights apart. "
        "Slower, finer; the guide's advice for styles and concepts.",
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
    target_layers: str = setting(
        "attn-mlp",
        "Layers",
        help="attn: attention only. attn-mlp: all of the transformers, as the guide's LoRA. full: "
        "the convolutions too.",
        choices=TARGET_LAYERS,
        more=True,
    )
    network_dropout: float = setting(
        0.0,
        "Network dropout",
        help="Chance of each input of the network to be left out in a step.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    rank_dropout: float = setting(
        0.0,
        "Rank dropout",
        help="Chance of each of the network's dims to be left out in a step.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    module_dropout: float = setting(
        0.0,
        "Module dropout",
        help="Chance of each layer's network to be left out in a step.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    wd_on_output: bool = setting(
        False,
        "DoRA by rows",
        help="As in the DoRA paper, by rows instead of columns. A1111 draws such files wrongly.",
        more=True,
    )
    factor: int = setting(
        -1,
        "LoKr factor",
        help="How a LoKr's two factors share a layer's size; -1 makes them as equal as possible.",
        minimum=-1,
        maximum=4096,
        more=True,
    )
    decompose_both: bool = setting(False, "LoKr: decompose both", help="Smaller still.", more=True)
    network_weights: str = setting(
        "",
        "Start from a LoRA",
        help="An existing file of the same kind to go on from; empty begins with nothing.",
        more=True,
    )
    dim_from_weights: bool = setting(
        False,
        "Dim from that file",
        help="Takes dims, alphas and layers from the file instead of from here.",
        more=True,
    )
    train_unet: bool = setting(True, "Train the U-Net", help="The part that draws.", more=True)
    train_text_encoder: bool = setting(
        True,
        "Train the text encoders",
        help="The part that reads tags. Off saves memory and time; a text encoder rate of 0 is the same.",
        more=True,
    )
