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
        help="What kind of file is trained. The guide: LoRA; LoCon for a DoRA; GLoRA for "
        "styles. LoCon also trains the convolutions; LoHa and LoKr are small relatives.",
        choices=NETWORK_TYPES,
    )
    dora: bool = setting(
        False,
        "DoRA",
        help="LoRA and LoCon only: direction and length of each column of weights are learned "
        "apart. The guide: on for styles and concepts: slower, with more detail. Off is "
        "faster, and enough for a character.",
    )
    network_dim: int = setting(
        8,
        "Network dim",
        help="How much the LoRA can hold (rank). The guide: 8 for PDXL and Illustrious, which "
        "know much already, 16 for NAI 1.5, 16 or 32 with Prodigy. Too low misses detail; "
        "too high makes large files that copy their pictures.",
        minimum=1,
        maximum=1024,
    )
    network_alpha: float = setting(
        4.0,
        "Network alpha",
        help="What is learned is multiplied by alpha ÷ dim. The guide: half the dim, 4 for PDXL "
        "and Illustrious, 8 for NAI 1.5; as large as the dim with Prodigy. Lower works "
        "like a lower learning rate, higher like a higher one.",
        minimum=0.001,
        maximum=1024,
    )
    conv_dim: int = setting(
        0,
        "Conv dim",
        help="How much the convolutions can hold, where fine detail is drawn. The guide: 8 for "
        "a DoRA. 0 leaves them alone, but a LoCon then takes the network dim; too high "
        "copies pictures.",
        minimum=0,
        maximum=1024,
        more=True,
    )
    conv_alpha: float = setting(
        4.0,
        "Conv alpha",
        help="As network alpha, for the convolutions. The guide: 4 for a DoRA, half the conv "
        "dim. Lower works like a lower learning rate there, higher like a higher one.",
        minimum=0.001,
        maximum=1024,
        more=True,
    )
    ip_noise_gamma: float = setting(
        0.0,
        "IP noise gamma",
        help="Extra noise on what the model sees, so that it does not lean on exact pictures. "
        "The guide: 0.05 for PDXL and Illustrious. 0 is off; too high loses detail.",
        minimum=0,
        maximum=1,
    )
    target_layers: str = setting(
        "attn-mlp",
        "Layers",
        help="attn: attention only. attn-mlp: all of the transformers, as the guide's LoRA. "
        "full: the convolutions too. More layers hold more and make larger files.",
        choices=TARGET_LAYERS,
        more=True,
    )
    network_dropout: float = setting(
        0.0,
        "Network dropout",
        unit="share",
        help="Chance of each number inside the network to be left out in a step, against "
        "copying pictures. Not in the guide; 0 is off. Higher learns more slowly, near 1 "
        "next to nothing.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    rank_dropout: float = setting(
        0.0,
        "Rank dropout",
        unit="share",
        help="Chance of each of the network's dims to be left out in a step, against copying "
        "pictures. Not in the guide; 0 is off. Higher learns more slowly, near 1 next to "
        "nothing.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    module_dropout: float = setting(
        0.0,
        "Module dropout",
        unit="share",
        help="Chance of each layer's network to be left out in a step, against copying "
        "pictures. Not in the guide; 0 is off. Higher learns more slowly, near 1 next to "
        "nothing.",
        minimum=0,
        maximum=0.99,
        more=True,
    )
    wd_on_output: bool = setting(
        False,
        "DoRA by rows",
        help="A DoRA by rows, as in its paper, instead of by columns. Not in the guide. A1111 "
        "draws such files wrongly, Forge and ComfyUI a little off.",
        more=True,
    )
    factor: int = setting(
        -1,
        "LoKr factor",
        help="How a LoKr's two factors share a layer's size. Not in the guide; -1, the usual "
        "default, makes them as equal as possible. A lower factor, such as 4, makes larger "
        "files that hold more; a higher one smaller files.",
        minimum=-1,
        maximum=4096,
        more=True,
    )
    decompose_both: bool = setting(
        False,
        "LoKr: decompose both",
        help="LoKr only: its first factor is split as well. Not in the guide. On, files are "
        "smaller still and hold less.",
        more=True,
    )
    network_weights: str = setting(
        "",
        "Start from a LoRA",
        help="An existing file of the same kind to go on from. Not in the guide. Empty begins "
        "with a LoRA that changes nothing.",
        more=True,
    )
    dim_from_weights: bool = setting(
        False,
        "Dim from that file",
        help="Takes dims, alphas and layers from the file to start from. Not in the guide. Off, "
        "its dims must be the same as here.",
        more=True,
    )
    train_unet: bool = setting(
        True,
        "Train the U-Net",
        help="The part that draws. The guide trains it. Off, only the meaning of words changes, "
        "and hardly a look is learned.",
        more=True,
    )
    train_text_encoder: bool = setting(
        True,
        "Train the text encoders",
        help="The part that reads tags. The guide trains it, for styles perhaps not. Off saves "
        "memory and time; a text encoder rate of 0 is the same.",
        more=True,
    )
