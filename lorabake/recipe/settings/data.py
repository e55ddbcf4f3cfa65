"""Pictures and captions on their way to the model: buckets, words, augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """The guide's "Bucket Args"."""

    enable_bucket: bool = setting(
        True,
        "Enable buckets",
        help="Pictures keep their shape (aspect buckets). The guide: on. Off, all are cut "
        "square, and long ones lose heads and feet.",
    )
    min_bucket_reso: int = setting(
        256,
        "Minimum bucket resolution",
        help="Shortest side a picture may have in training. Not in the guide; 256 is its "
        "trainer's default. Lower lets very narrow strips in; higher cuts more off long "
        "pictures, and above the resolution all become square.",
        unit="px",
        minimum=16,
        maximum=4096,
        more=True,
    )
    max_bucket_reso: int = setting(
        2048,
        "Maximum bucket resolution",
        unit="px",
        help="Longest side a picture may have in training. The guide: 1024 for NAI 1.5, where "
        "longer sides fall apart, 2048 for SDXL. Lower cuts more off long pictures; higher "
        "leaves sides that the model was not made for.",
        minimum=16,
        maximum=8192,
    )
    bucket_reso_steps: int = setting(
        64,
        "Bucket resolution steps",
        unit="px",
        help="Sides are multiples of this. The guide: 64, which fits every model; SDXL needs a "
        "multiple of 32, SD 1.5 of 64. Smaller cuts less off, but makes more shapes and "
        "more batches that are not full; larger cuts more off.",
        minimum=8,
        maximum=512,
    )
    bucket_no_upscale: bool = setting(
        False,
        "Do not enlarge",
        help="Small pictures keep their size, each odd size in a bucket of its own: often many "
        "batches that are not full. Not in the guide. Off, they are enlarged, and their "
        "softness is learned.",
        more=True,
    )


@dataclass(frozen=True, kw_only=True)
class CaptionSettings:
    """What happens to captions on their way to the model."""

    keep_tokens: int = setting(
        1,
        "Keep tokens",
        unit="tags",
        help="How many tags at the front are never shuffled. The guide: at least 1 with a "
        "trigger word, so that it stays in front, and 0 without one. Too few and the "
        "trigger mixes with the rest; too many and little is left to shuffle.",
        minimum=0,
        maximum=200,
    )
    shuffle_caption: bool = setting(
        True,
        "Shuffle captions",
        help="Tags behind the kept ones come in a new order each time. The guide: on, which "
        "supposedly makes the LoRA less rigid. Off, their order is learned too.",
    )
    caption_extension: str = setting(
        ".txt",
        "Caption extension",
        help="Ending of the text files beside the pictures: .txt as the guide's tools write "
        "them, .caption as some others do. With the wrong one no caption is found.",
        choices=(".txt", ".caption"),
        more=True,
    )
    keep_tokens_separator: str = setting(
        "",
        "Keep tokens separator",
        help="What stands before this sign in a caption stays in front, such as |||. Not in the "
        "guide. Where it is missing or empty, Keep tokens counts.",
        more=True,
    )
    caption_prefix: str = setting(
        "",
        "Caption prefix",
        help="Put in front of every caption with a space, so write a comma behind it if it is a "
        "tag. Empty, as in the guide, adds nothing.",
        more=True,
    )
    caption_suffix: str = setting(
        "",
        "Caption suffix",
        help="Put behind every caption with a space, so begin with a comma if it is a tag. "
        "Empty, as in the guide, adds nothing.",
        more=True,
    )
    caption_dropout_rate: float = setting(
        0.0,
        "Caption dropout",
        unit="share of pictures",
        help="How many pictures are trained without any words, so that less hangs on the words. "
        "Not in the guide; 0 is off. Higher weakens trigger and tags; 1 ties the LoRA to "
        "no word at all.",
        minimum=0,
        maximum=1,
        more=True,
    )
    caption_dropout_every_n_epochs: int = setting(
        0,
        "Caption dropout every n epochs",
        help="In each n-th epoch no picture has words. Not in the guide; 0 is off. 1 trains "
        "without words throughout; higher does it more rarely.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    caption_tag_dropout_rate: float = setting(
        0.0,
        "Tag dropout",
        unit="share of tags",
        help="Chance of each tag behind the kept ones to be left out, so that none leans on the "
        "others. Not in the guide; 0 is off. Too high, and what is seen sticks to the kept "
        "tags; 1 leaves nothing else.",
        minimum=0,
        maximum=1,
        more=True,
    )
    token_warmup_min: int = setting(
        1,
        "Token warmup from",
        unit="tags",
        help="With token warmup: how many tags, besides the kept ones, captions begin with. Not "
        "in the guide; 1 is the usual default and the slowest start. As many as a caption "
        "has, or more, is no warmup.",
        minimum=1,
        maximum=1000,
        more=True,
    )
    token_warmup_step: float = setting(
        0.0,
        "Token warmup",
        unit="steps",
        help="How long it takes until all tags are used; below 1 it is a share of the bake. Not "
        "in the guide; 0 is off. Too short does nothing; longer than the bake, and the "
        "last tags are never learned.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    enable_wildcard: bool = setting(
        False,
        "Wildcards",
        help="{red|blue} in a caption becomes one of the two, and one of several lines is "
        "taken, anew each time. Not in the guide. Off, braces stay as they are and only "
        "the first line counts.",
        more=True,
    )


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How pictures are varied. The guide varies nothing."""

    flip_aug: bool = setting(
        False,
        "Flip",
        help="Pictures are mirrored half of the time: more variety from a small set. Not in the "
        "guide. Leave it off for characters who look different left and right, or both "
        "sides are mixed.",
        more=True,
    )
    color_aug: bool = setting(
        False,
        "Colour",
        help="Hue and brightness vary a little each time, so that colours are learned less "
        "exactly. Not in the guide. On, no picture can be cached, so every step is slower.",
        more=True,
    )
    random_crop: bool = setting(
        False,
        "Random crop",
        help="What sticks out of the bucket is cut elsewhere each time instead of evenly. Not "
        "in the guide. On, no picture can be cached, so every step is slower.",
        more=True,
    )
    matte: str = setting(
        "#ffffff",
        "Matte",
        help="Colour that transparent parts are filled with, as #rrggbb. Not in the guide; "
        "#ffffff is white. The model learns it as the background there.",
        more=True,
    )
