"""What is asked of a grid with any axes, for the form and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting
from lorabake.grid.axes import MAX_CLIP_SKIP, MAX_SEED
from lorabake.grid.drawing import cfg_setting, sampler_setting, size_setting, steps_setting
from lorabake.grid.values import MAX_WORDS

MAX_MARGIN = 500  # px
MAX_PROMPT = 4000  # characters
MAX_AXIS = MAX_WORDS + 100  # characters: an axis's values, which may be whole prompts, and its type


@dataclass(frozen=True, kw_only=True)
class XyzRequest:
    """X/Y/Z plot, as the form and the command line ask it. x, y, z: `TYPE=VALUES`, or empty."""

    prompt: str = setting(
        "",
        "Prompt",
        help="What to draw, with or without its <lora:…> tag. The guide writes the tag, so that "
        "X can look for -10 in it.",
        longest=MAX_PROMPT,
    )
    negative: str = setting(
        "",
        "Negative prompt",
        help="What not to draw. Not in the guide; empty leaves it to the model.",
    )
    x: str = setting(
        "",
        "X",
        help="What changes from left to right. The guide: Prompt S/R=-10, -09, -08, -07 for the "
        "epochs. Empty changes nothing.",
        longest=MAX_AXIS,
    )
    y: str = setting(
        "",
        "Y",
        help="What changes from top to bottom, for example weight=0.5-1.0 (+0.1), the guide's "
        "second question. Empty changes nothing.",
        longest=MAX_AXIS,
    )
    z: str = setting(
        "",
        "Z",
        help="One sheet for each value, side by side. The guide does not use it; empty makes "
        "one sheet.",
        longest=MAX_AXIS,
    )
    seed: int = setting(
        1,
        "Seed",
        help="All pictures share it, so that only the axes differ. Not in the guide; -1 takes "
        "any. No number is better than another.",
        minimum=-1,
        maximum=MAX_SEED,
    )
    vary_seeds: str = setting(
        "",
        "Vary seeds for",
        help="X, Y, Z or several: pictures along it get the next seeds. Empty, all have the "
        "same one.",
        more=True,
    )
    keep_random: bool = setting(
        False,
        "Keep -1 for seeds",
        help="With seed -1: any seed for each picture, not one for all. On, pictures differ by "
        "chance as well.",
        more=True,
    )
    steps: int = steps_setting()
    cfg: float = cfg_setting()
    sampler: str = sampler_setting()
    size: str = size_setting()
    clip_skip: int = setting(
        0,
        "Clip skip",
        help="Which layer of the text encoder is listened to; 0: as it was trained. The guide: "
        "2, for NAI 1.5 only. Much higher, and the prompt is hardly understood.",
        minimum=0,
        maximum=MAX_CLIP_SKIP,
        more=True,
    )
    margin: int = setting(
        0,
        "Margin",
        unit="px",
        help="Between the cells of the sheet. Not in the guide; 0 puts them side by side. "
        "Larger makes the sheet larger, never the pictures.",
        minimum=0,
        maximum=MAX_MARGIN,
        more=True,
    )
