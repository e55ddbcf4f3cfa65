"""Pictures and captions on their way to the model: buckets, words, augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


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
    bucket_no_upscale: bool = setting(
        False,
        "Do not enlarge",
        help="Small pictures keep their size, each odd size in a bucket of its own: often many "
        "batches that are not full.",
        more=True,
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
    keep_tokens_separator: str = setting(
        "",
        "Keep tokens separator",
        help="Instead of Keep tokens: what stands before this sign in a caption stays in front, "
        "such as |||.",
        more=True,
    )
    caption_prefix: str = setting(
        "", "Caption prefix", help="Put in front of every caption, with a space.", more=True
    )
    caption_suffix: str = setting(
        "", "Caption suffix", help="Put behind every caption, with a space.", more=True
    )
    caption_dropout_rate: float = setting(
        0.0,
        "Caption dropout",
        help="Share of pictures that are trained without any words.",
        minimum=0,
        maximum=1,
        more=True,
    )
    caption_dropout_every_n_epochs: int = setting(
        0,
        "Caption dropout every n epochs",
        help="In each n-th epoch no picture has words. 0 is off.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    caption_tag_dropout_rate: float = setting(
        0.0,
        "Tag dropout",
        help="Chance of each tag behind the kept ones to be left out.",
        minimum=0,
        maximum=1,
        more=True,
    )
    token_warmup_min: int = setting(
        1,
        "Token warmup from",
        unit="tags",
        help="With token warmup: how many tags captions begin with.",
        minimum=1,
        maximum=1000,
        more=True,
    )
    token_warmup_step: float = setting(
        0.0,
        "Token warmup",
        unit="steps",
        help="Steps until all tags are used; below 1 a share of the bake. 0 is off.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    enable_wildcard: bool = setting(
        False,
        "Wildcards",
        help="{red|blue} chooses one of the two, and one of several lines is taken.",
        more=True,
    )


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How pictures are varied. The guide varies nothing."""

    flip_aug: bool = setting(
        False,
        "Flip",
        help="Half of the time mirrored. Not for characters who look different left and right.",
        more=True,
    )
    color_aug: bool = setting(
        False, "Colour", help="Hue and brightness vary a little. Not with Cache latents.", more=True
    )
    random_crop: bool = setting(
        False,
        "Random crop",
        help="What sticks out of the bucket is cut elsewhere each time. Not with Cache latents.",
        more=True,
    )
    matte: str = setting(
        "#ffffff",
        "Matte",
        help="What transparent parts of a picture are filled with.",
        more=True,
    )
