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
        help="The guide: 1024 for PDXL and Illustrious, 768 or 512 for NAI 1.5. "
        "Half of it takes about a quarter of the time.",
        minimum=32,
        maximum=4096,
    )
    epochs: int = setting(
        10,
        "Epochs",
        help="How often the whole set is seen; each gives one file to choose from.",
        minimum=1,
        maximum=1000,
    )
    max_train_steps: int = setting(
        0,
        "Steps instead of epochs",
        help="Ends after this many steps, whatever the epochs say. 0 is off.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    batch_size: int = setting(
        2, "Batch size", help="The guide: 2; 1 saves memory.", minimum=1, maximum=64
    )
    gradient_accumulation_steps: int = setting(
        1,
        "Gradient accumulation",
        help="Batches that are added up before one step. The guide: 1.",
        minimum=1,
        maximum=256,
        more=True,
    )
    gradient_checkpointing: str = setting(
        "auto",
        "Gradient checkpointing",
        help="Saves much memory for about a third more time; the result is the same. auto uses it "
        "only where the memory is too small without. The guide: on, unless there is memory enough.",
        choices=("auto", "on", "off"),
    )
    mixed_precision: str = setting(
        "bf16",
        "Training precision",
        help="The guide: bf16; fp16 if the card does not know bf16; no for full precision.",
        choices=PRECISIONS,
    )
    full_bf16: bool = setting(
        False,
        "Full BF16",
        help="The guide's SDXL switch. The base model is kept in bf16 either way; what is learned "
        "stays in 32 bit here, because bf16 would round most steps of a rate of 1e-6 away.",
        more=True,
    )
    clip_skip: int = setting(
        1,
        "Clip skip",
        help="The guide: 2, for NAI 1.5 only. SDXL does not use it.",
        minimum=1,
        maximum=12,
    )
    max_token_length: int = setting(
        225,
        "Max token length",
        unit="tokens",
        help="Longer captions are cut there. The guide: 225; about 4 tokens a tag.",
        choices=(75, 150, 225),
    )
    prior_loss_weight: float = setting(
        1.0,
        "Prior loss weight",
        help="How much regularisation pictures count.",
        minimum=0,
        maximum=100,
        more=True,
    )
    attention: str = setting(
        "sdpa", "Memory optimization", help="The guide: SDPA.", choices=("sdpa",), more=True
    )
    cache_latents: bool = setting(
        True,
        "Cache latents",
        help="Each picture goes through the VAE once, not once per step.",
        more=True,
    )
    cache_latents_to_disk: bool = setting(
        True,
        "Cache latents to disk",
        help="The next bake of the same pictures starts at once. Edited pictures are noticed.",
        more=True,
    )
    seed: int = setting(
        23,
        "Seed",
        help="The same seed, pictures and settings give the same LoRA.",
        minimum=0,
        maximum=2**32 - 1,
        more=True,
    )
    kohya_exact: bool = setting(
        False,
        "Exactly as in kohya's trainer",
        help="Repeats its quirks too: one draw of each latent for ever, a hot extra cycle after warm "
        "restarts, a smaller last step of an epoch. For laying results side by side, not for better ones.",
        more=True,
    )
    training_comment: str = setting(
        "", "Comment", help="Goes into the file, for whoever opens it later.", more=True
    )
