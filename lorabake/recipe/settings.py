"""The guide's "Preparing the Oven", setting by setting. Each is declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lorabake.core.settings import setting
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES

PRECISIONS = ("bf16", "fp16", "no")


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The guide's "Model"."""

    base: str = setting(
        "practice",
        "Base model",
        help="What the LoRA is trained on; use it with the same model or its relatives later.",
    )
    vae: str = setting(
        "",
        "External VAE",
        help="Empty uses the base model's own. The guide: the SDXL VAE for PDXL and Illustrious.",
    )
    no_half_vae: bool = setting(
        True,
        "No half VAE",
        help="Keeps the VAE in full precision: SDXL's own VAE turns to black in 16 bit.",
        more=True,
    )


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
    gradient_checkpointing: bool = setting(
        True,
        "Gradient checkpointing",
        help="Saves much memory for about a third more time. Off if the card has room.",
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


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """The guide's "Optimizer Args"."""

    type: str = setting(
        "came",
        "Optimizer type",
        help="The guide: CAME for PDXL and Illustrious, AdamW8bit for NAI (AdamW on old cards).",
        choices=lambda: OPTIMIZERS.names,
    )
    unet_lr: float = setting(
        1e-4,
        "Unet learning rate",
        help="The guide: 5e-4 for NAI, 1e-4 for PDXL, 6e-5 for Illustrious. Too high falls apart, "
        "too low learns nothing.",
        minimum=0,
        maximum=10,
    )
    text_encoder_lr: float = setting(
        1e-6,
        "TE learning rate",
        help="The guide: 1e-4 for NAI, 1e-6 for PDXL, 6e-6 for Illustrious. 0 leaves the text encoders alone.",
        minimum=0,
        maximum=10,
    )
    lr_scheduler: str = setting(
        "rex",
        "LR scheduler",
        help="The guide: REX or Rex annealing warm restarts for SDXL, cosine with restarts for NAI.",
        choices=lambda: SCHEDULES.names,
    )
    lr_scheduler_num_cycles: int = setting(
        1,
        "Restarts (cycles)",
        help="How many times the schedule starts anew; 1 never restarts.",
        minimum=1,
        maximum=100,
    )
    warmup_ratio: float = setting(
        0.0,
        "Warmup ratio",
        help="Share of the steps that rise from 0. The guide: 0.05, with constant with warmup only.",
        minimum=0,
        maximum=1,
    )
    min_lr: float = setting(
        1e-6,
        "Min learning rate",
        help="Where REX ends. Left out for rates that are not above it.",
        minimum=0,
        maximum=1,
        more=True,
    )
    restart_decay: float = setting(
        0.1,
        "Restart decay",
        help="How much lower each REX restart is.",
        minimum=0,
        maximum=1,
        more=True,
    )
    rex_d: float = setting(
        0.9, "REX d", help="How long REX stays high.", minimum=0.01, maximum=0.999, more=True
    )
    loss_type: str = setting("l2", "Loss type", help="The guide: L2.", choices=("l2",), more=True)
    min_snr_gamma: float = setting(
        0.0,
        "Min SNR gamma",
        help="Keeps nearly clean pictures from drowning the rest. The guide: 5 for NAI. 0 is off.",
        minimum=0,
        maximum=100,
    )
    max_grad_norm: float = setting(
        1.0,
        "Max grad norm",
        help="Longer steps are cut to this. 0 is off.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    args: dict[str, Any] = setting(  # noqa: RUF009  (setting() makes a fresh dict each time)
        {},
        "Optional args",
        help="The optimizer's own settings, such as weight_decay.",
    )


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """The guide's "Bucket Args"."""

    enable_bucket: bool = setting(
        True, "Enable buckets", help="Pictures keep their shape instead of being cut square."
    )
    min_bucket_reso: int = setting(
        256, "Minimum bucket resolution", unit="px", minimum=16, maximum=4096, more=True
    )
    max_bucket_reso: int = setting(
        2048,
        "Maximum bucket resolution",
        unit="px",
        help="Longest side. The guide: 1024 for NAI 1.5, 2048 for SDXL.",
        minimum=16,
        maximum=8192,
    )
    bucket_reso_steps: int = setting(
        64,
        "Bucket resolution steps",
        unit="px",
        help="The guide: 64. SDXL needs a multiple of 32, SD 1.5 of 64.",
        minimum=8,
        maximum=512,
    )


@dataclass(frozen=True, kw_only=True)
class CaptionSettings:
    """What happens to captions on their way to the model."""

    keep_tokens: int = setting(
        1,
        "Keep tokens",
        help="Tags at the front that are never shuffled. At least 1 with a trigger word, 0 without.",
        minimum=0,
        maximum=200,
    )
    shuffle_caption: bool = setting(
        True, "Shuffle captions", help="Other tags in a new order each time: less rigid."
    )
    caption_extension: str = setting(
        ".txt", "Caption extension", choices=(".txt", ".caption"), more=True
    )


@dataclass(frozen=True, kw_only=True)
class SavingSettings:
    """What comes out of the oven."""

    save_precision: str = setting(
        "fp16",
        "Save precision",
        help="fp16 loads everywhere.",
        choices=("fp16", "bf16", "float"),
        more=True,
    )
    save_every_n_epochs: int = setting(
        1,
        "Save every n epochs",
        help="The last epoch is always saved.",
        minimum=1,
        maximum=1000,
        more=True,
    )
