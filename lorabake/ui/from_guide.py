"""What the guide says about each section, in our words and with its numbers: folded under the heading.

Figures that the program has elsewhere (the presets, the reference tables) are read from there, so that
this can never say anything else than what is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.tables import TABLES


@dataclass(frozen=True)
class Table:
    """caption: what it shows. rows: as many cells as the head."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Points:
    """A list. Words between `backticks` are typed as they stand."""

    items: Sequence[str]


Part = str | Points | Table
HEAD = "From the guide"
_FAMILIES = {"nai15": "NAI 1.5", "pdxl": "PDXL", "illustrious": "Illustrious XL"}
_SETTINGS: Mapping[str, Callable[[Recipe], Any]] = {
    "Resolution": lambda recipe: recipe.general.resolution,
    "Batch size": lambda recipe: recipe.general.batch_size,
    "Training precision": lambda recipe: recipe.general.mixed_precision,
    "Full BF16": lambda recipe: recipe.general.full_bf16,
    "No half VAE": lambda recipe: recipe.model.no_half_vae,
    "Clip skip": lambda recipe: recipe.general.clip_skip,
    "Max token length": lambda recipe: recipe.general.max_token_length,
    "Network dim / alpha": lambda recipe: (
        f"{recipe.network.network_dim} / {recipe.network.network_alpha:g}"
    ),
    "IP noise gamma": lambda recipe: recipe.network.ip_noise_gamma,
    "Optimizer": lambda recipe: recipe.optimizer.type,
    "LR scheduler": lambda recipe: recipe.optimizer.lr_scheduler.replace("_", " "),
    "U-Net learning rate": lambda recipe: recipe.optimizer.unet_lr,
    "Text encoder learning rate": lambda recipe: recipe.optimizer.text_encoder_lr,
    "Min SNR gamma": lambda recipe: recipe.optimizer.min_snr_gamma,
    "Largest bucket": lambda recipe: recipe.bucket.max_bucket_reso,
    "Bucket steps": lambda recipe: recipe.bucket.bucket_reso_steps,
    "Keep tokens": lambda recipe: recipe.captions.keep_tokens,
}


def _settings() -> Table:
    recipes = [load_recipe(name) for name in _FAMILIES]
    rows = [
        (label, *(_word(value(recipe)) for recipe in recipes)) for label, value in _SETTINGS.items()
    ]
    return Table("For a card with 12 GB", ("Setting", *_FAMILIES.values()), rows)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not value:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _tables() -> list[Table]:
    return [
        Table(
            table.label,
            (
                ("Images", "Repeats", "Epochs", "Batch", "Steps")
                if table.kind == "single"
                else ("T", "Epochs", "Batch", "Steps")
            ),
            [
                tuple(
                    str(number)
                    for number in (
                        (row.count, row.repeats, row.epochs, row.batch_size, row.steps)
                        if table.kind == "single"
                        else (row.count, row.epochs, row.batch_size, row.steps)
                    )
                )
                for row in table.rows
            ],
        )
        for table in TABLES
    ]


_TEXTS: Mapping[str, Callable[[], Sequence[Part]]] = {
    "project": lambda: (
        "The road has nine stations, and this page goes through them from top to bottom: find pictures, "
        "take out what is there twice, choose, improve, tag, correct the captions, set the oven, bake, and "
        "find the best epoch and weight.",
        "Pictures lie in one folder for each thing that is learned. A number in front of the folder's name is "
        "how often its pictures are repeated in an epoch: `5_zetadef` is seen five times.",
    ),
    "grabber": lambda: (
        "One source is enough. The guide looks for Kafka of Honkai: Star Rail with "
        "`solo -rating:explicit -rating:questionable kafka_(honkai:_star_rail) shirt`, finds 259 pictures, gets all "
        "of them, and chooses afterwards.",
        Points(
            (
                "`solo` leaves out pictures with others in them. Without it there are more, and more to crop.",
                "`-rating:explicit` is up to you; `-rating:questionable` keeps the character dressed.",
                "One more tag, such as `shirt`, narrows it down to what you want to see.",
            )
        ),
    ),
    "duplicates": lambda: (
        "Scan, mark all, delete: a picture that is there three times is learned three times as hard. The filter "
        "hardness says how alike two pictures must be. No scan finds every duplicate, so the guide looks "
        "through the rest by eye.",
    ),
    "curating": lambda: (
        "A hundred good pictures are the most the guide takes for a character; bad ones show in whatever the "
        "model draws, so they go.",
        Points(
            (
                "Look for other angles, `from side` and `from behind`: what is never shown has to be guessed.",
                "Several views of the character, other people, or a body cut off by the edge: crop or paint, and "
                "the picture is of use after all.",
                "Signatures and watermarks should go. Newer models are good at learning them.",
            )
        ),
    ),
    "improving": lambda: (
        "When the pictures are good and you train at 512 px or below, skip this. Screencaps gain from a larger "
        "size and more contrast. For an old, blurred anime the guide uses the model ReFocus Cleanly with Resize "
        "at 1: it sharpens and does not enlarge.",
    ),
    "tagging": lambda: (
        "The guide's tagger is WDv3Large (`wd-eva02-large-tagger-v3`) with a threshold of 0.3, and tags that say "
        "what another one says already are left out. That last part stands under Process tags here, where you see "
        "what goes, and `solo` stays.",
    ),
    "processing": lambda: (
        Points(
            (
                "Tags to add: the trigger word, in front of every caption.",
                "Tags to remove: whatever shall be in no caption.",
                "Rename images and captions in ascending order: recommended.",
                "Hair length, hair colour and eye colour used to be pruned. Since PDXL the guide leaves them in.",
            )
        ),
    ),
    "editor": lambda: (
        "No tagger replaces your own look at the captions; the guide asks for it strongly. Danbooru's wiki tells "
        "what a tag means. The more exact and the more distinctive the tags, the less one thing bleeds into another.",
    ),
    "concepts": lambda: (
        Points(
            (
                "A concept: an activation tag, and the tagger's most frequent tags to go by. A helper tag that is "
                "true, such as `arm up`, helps.",
                "A style: no activation tag, so keep tokens is 0. The tagger's captions may stay as they are. One "
                "style throughout, more epochs, each of them tested; a lower U-Net rate if need be, the text "
                "encoder's lower or 0.",
                "An outfit: an activation tag, and every booru tag that describes it.",
            )
        ),
        "Four outfits of one character have 23, 49, 100 and 79 pictures. So that each is learned as well as the "
        "others, 20, 33, 100 and 50 are kept and repeated 5, 3, 1 and 2 times:",
        "T = 20 × 5 + 33 × 3 + 100 × 1 + 50 × 2 = 399, the pictures of one epoch. The table of several concepts "
        "then says 10 epochs for NAI 1.5, and 5 or 6 for Illustrious. Every outfit has a tag of its own: "
        "`zetadef`, `zetasummer`, `zetadark`, `zetahalloween`.",
        "AI-generated pictures may teach as well: your best ones only, those that are closest to the character. "
        "Look at the hands first.",
    ),
    "oven": lambda: (
        "The presets are the guide's settings. What may be changed, and when:",
        _settings(),
        Points(
            (
                "Batch size 1 saves memory, and so does gradient checkpointing; without it a bake is faster.",
                "fp16 for cards that do not know bf16; AdamW for those that cannot do AdamW8bit.",
                "NAI 1.5 is trained at 768 or 512. Clip skip 2 is for NAI only, the SDXL VAE for the others only.",
                "A warm-up ratio of 0.05 counts only for the scheduler constant with warmup.",
                "With a trigger word keep tokens is at least 1. Shuffled captions make a LoRA less rigid.",
            )
        ),
        "How many repeats and epochs? These tables are the measure:",
        *_tables(),
        "Prodigy finds its rate by itself and is eager: 20 to 30 pictures, both rates 0.5 or 1, dim and alpha "
        "16/16 or 32/32, constant with warmup, about 100 steps an epoch (20 pictures, 5 repeats), 20 epochs. The "
        "best file is often near step 800. Large sets with many repeats are burnt by it.",
        "DoRA learns more detail and takes longer: LoCon with conv dim and alpha 8/4 and a U-Net rate of 5e-5, on top "
        "of PDXL's settings. For styles and concepts.",
    ),
    "baking": lambda: (
        "Nothing is left but to wait. With Prodigy, watch the loss towards the end and remember where it is "
        "lowest, typically around step 800.",
    ),
    "ready": lambda: (
        "Try the last few epochs, or all. In a web UI the guide writes a prompt such as "
        "`<lora:hsr_kafka-10:1.0>, solo, 1girl, kafka, sunglasses`, takes X/Y/Z plot with Prompt S/R, and "
        "replaces first the epoch, `-10, -09, -08, -07`, then the weight, `1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>`. The "
        "grid here does both at once; under Any axes (X/Y/Z) these very strings work, filled in by one click.",
        "Ideally a LoRA works at a weight of 1.0; for a first one, about 0.8 is fine. Baking is experimenting: tags "
        "and settings change more often than not.",
    ),
}


def sections_told() -> frozenset[str]:
    """IDs of the sections that have a text."""
    return frozenset(_TEXTS)


def from_guide(section: str) -> str:
    """The folded text of a section as HTML; "" when there is none."""
    text = _TEXTS.get(section)
    if text is None:
        return ""
    inside = "".join(_html(part) for part in text())
    return (
        f'<details class="lb-from-guide"><summary>{HEAD}</summary>'
        f'<div class="lb-guide-text">{inside}</div></details>'
    )


def _html(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{_words(part)}</p>"
    if isinstance(part, Points):
        return f"<ul>{''.join(f'<li>{_words(item)}</li>' for item in part.items)}</ul>"
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in part.head)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in part.rows
    )
    return (
        f'<div class="lb-guide-table"><table><caption>{escape(part.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _words(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
