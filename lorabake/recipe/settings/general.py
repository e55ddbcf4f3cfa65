"""The guide's "General Args"."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting

PRECISIONS = ("bf16", "fp16", "no")


@dataclass(frozen=True, kw_only=True)
class GeneralSettings:
    """The guide's "General Args"."""

    resolution: int = setting(
        1024,
        "Resolution",
        unit="px",
        help="Side of the square whose area each picture has in training. The guide: 1024 for "
        "PDXL and Illustrious, 768 or 512 for NAI 1.5, as the models were made. Lower "
        "loses detail (half takes about a quarter of the time); higher takes much more "
        "memory and is not what the model was made for.",
        minimum=32,
        maximum=4096,
    )
    epochs: int = setting(
        10,
        "Epochs",
        help="How often the whole set is seen; each gives one file to choose from. The guide: "
        "10 for 20 pictures down to 2 for 600 with SDXL, 10 for NAI 1.5, 20 for Prodigy. "
        "Too few learns little; too many copies the pictures, so an earlier file is "
        "better.",
        minimum=1,
        maximum=1000,
    )
    max_train_steps: int = setting(
        0,
        "Steps instead of epochs",
        help="Ends the bake there, whatever the epochs say. 0 is off; the guide counts in "
        "epochs. Too few learns little; too many copies the pictures.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    batch_size: int = setting(
        2,
        "Batch size",
        unit="pictures",
        help="How many pictures a step looks at. The guide: 2, on a card with 12 GB; 1 saves "
        "memory. Larger is steadier but takes more memory and leaves fewer steps; smaller "
        "is rougher.",
        minimum=1,
        maximum=64,
    )
    gradient_accumulation_steps: int = setting(
        1,
        "Gradient accumulation",
        unit="batches",
        help="Batches that are added up before one step: a larger batch without its memory. The "
        "guide: 1, so every batch is a step. Higher is steadier, but too high leaves too "
        "few steps to learn in.",
        minimum=1,
        maximum=256,
        more=True,
    )
    gradient_checkpointing: str = setting(
        "auto",
        "Gradient checkpointing",
        help="Saves much memory for about a third more time; the result is the same. The guide: "
        "on, or off with memory enough, which is faster. auto uses it only where the "
        "memory is too small without.",
        choices=("auto", "on", "off"),
    )
    mixed_precision: str = setting(
        "bf16",
        "Training precision",
        help="How exactly the model calculates. The guide: bf16, which takes half the memory of "
        "full precision; fp16 if the card does not know bf16, although it can overflow. no "
        "is full precision: slow and large.",
        choices=PRECISIONS,
    )
    full_bf16: bool = setting(
        False,
        "Full BF16",
        help="The guide: on for PDXL and Illustrious, to save memory. The base model is kept in "
        "bf16 either way; what is learned stays in 32 bit here, because bf16 would round "
        "most steps of a rate of 1e-6 away.",
        more=True,
    )
    clip_skip: int = setting(
        1,
        "Clip skip",
        help="Which layer of the text encoder is listened to, counted from the last. The guide: "
        "2, for NAI 1.5 only, which was trained that way; SDXL does not use it. 1 is the "
        "last layer; much higher, and tags are hardly understood.",
        minimum=1,
        maximum=12,
    )
    max_token_length: int = setting(
        225,
        "Max token length",
        unit="tokens",
        help="Captions are cut there. The guide: 225, because long tag lists do not fit into "
        "75; a tag has about 4 tokens. Lower, and what is behind the cut is not learned; "
        "more than 225 is not offered.",
        choices=(75, 150, 225),
    )
    prior_loss_weight: float = setting(
        1.0,
        "Prior loss weight",
        unit="times",
        help="How much a regularisation picture counts beside a training picture. Not in the "
        "guide; 1, its trainer's default, is as much. Lower holds less back; higher, and "
        "the subject itself is learned more slowly.",
        minimum=0,
        maximum=100,
        more=True,
    )
    attention: str = setting(
        "sdpa",
        "Memory optimization",
        help="How the model's attention is calculated. The guide: SDPA, PyTorch's own, which is "
        "fast and needs nothing installed. There is no other choice here; the result would "
        "be the same.",
        choices=("sdpa",),
        more=True,
    )
    cache_latents: bool = setting(
        True,
        "Cache latents",
        help="Each picture goes through the VAE once and not at every step. The guide: on, "
        "which saves time and memory. Off is slower and keeps the VAE in memory.",
        more=True,
    )
    cache_latents_to_disk: bool = setting(
        True,
        "Cache latents to disk",
        help="Keeps what the VAE made of each picture. The guide: on, so the next bake of the "
        "same pictures starts at once. Edited pictures are noticed. Off saves disk space.",
        more=True,
    )
    seed: int = setting(
        23,
        "Seed",
        help="Where all chance begins. Not in the guide; 23 is its trainer's default. The same "
        "seed, pictures and settings give the same LoRA; no number is better than another.",
        minimum=0,
        maximum=2**32 - 1,
        more=True,
    )
    kohya_exact: bool = setting(
        False,
        "Exactly as in kohya's trainer",
        help="Repeats the quirks of the guide's trainer too: one draw of each latent for ever, "
        "a hot extra cycle after warm restarts, a smaller last step of an epoch. On for "
        "laying results side by side, off for better ones.",
        more=True,
    )
    training_comment: str = setting(
        "",
        "Comment",
        help="Goes into the file, for whoever opens it later. It changes nothing in the bake; "
        "empty writes none.",
        more=True,
    )
