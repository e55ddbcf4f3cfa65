"""What is asked of a file that is handed over, for the form and the command line. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lorabake.core.errors import GridError
from lorabake.core.settings import setting
from lorabake.engine.networks.lowrank import Keep

KEEP, TRIM = "keep", "trim"
MAX_RANK = 1024
MAX_WEIGHT = 10.0
NO_TOKEN = (
    "There is no token for Hugging Face. Make one that may write under Settings › Access Tokens on "
    "huggingface.co, and enter it under Preparing the oven › Model shelf › Keys."
)


@dataclass(frozen=True, kw_only=True)
class HandoverSettings:
    """ "Use this one": the file's name and what a web UI shows beside it."""

    name: str = setting(
        "",
        "Name",
        help="Of the file; in prompts it is <lora:NAME:weight>. It changes nothing in the picture.",
        longest=100,
    )
    weight: float = setting(
        1.0,
        "Weight",
        help="What the web UI suggests. The guide: ideally 1.0 works, about 0.8 is fine. Lower "
        "shows less of the LoRA, below 0 its opposite; too high burns.",
        minimum=-MAX_WEIGHT,
        maximum=MAX_WEIGHT,
    )
    trigger: str = setting(
        "",
        "Trigger words",
        help="A1111 and Forge add them to the prompt (activation text). Empty for a style, as "
        "the guide prefers.",
    )
    negative: str = setting(
        "",
        "Negative prompt",
        help="What the web UI puts into the negative prompt with this LoRA. Not in the guide. "
        "Empty puts nothing there.",
        more=True,
    )
    notes: str = setting(
        "",
        "Notes",
        help="For yourself, shown on the web UI's card. They change nothing in the picture.",
        more=True,
    )
    training_notes: str = setting(
        KEEP,
        "Notes of the bake in the file",
        choices=(KEEP, TRIM),
        help="They tell its recipe and how often each tag was there. Without them stays what "
        "web UIs and Civitai need: base model, hashes, title, trigger words.",
        more=True,
    )
    resize: str = setting(
        "",
        "Make it smaller",
        help="A rank such as 8, or the share of its strength to keep, such as 0.98. Too low "
        "loses what was learned; higher is nearly the same file. Empty: as it was baked.",
        longest=20,
        more=True,
    )
    merge_with: str = setting(
        "",
        "Average with another epoch",
        help="EPOCH:SHARE; 5:0.4 takes 40 % of epoch 5 and 60 % of this one. Empty: this one "
        "alone.",
        longest=20,
        more=True,
    )


@dataclass(frozen=True)
class Merge:
    """The other epoch of an average, and how much of it goes in (0 to 1)."""

    epoch: int
    share: float


def parse_keep(text: str) -> Keep:
    """`8` is a rank, `0.95` a share of ‖ΔW‖; empty keeps the rank."""
    text = text.strip()
    if not text:
        return Keep()
    if re.fullmatch(r"\d{1,4}", text) and 1 <= int(text) <= MAX_RANK:
        return Keep(rank=int(text))
    if re.fullmatch(r"0?\.\d{1,6}", text) and float(text) > 0:
        return Keep(share=float(text))
    raise GridError(
        f"Make it smaller cannot be {text[:20]!r}. "
        f"Write a rank from 1 to {MAX_RANK}, or a share between 0 and 1 such as 0.98."
    )


def parse_merge(text: str, available: Sequence[int]) -> Merge | None:
    """`5:0.4`, or only `5` for half of each; None when it is empty."""
    text = text.strip()
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,6})\s*(?::\s*([01]?\.\d{1,6}|0?\.?\d{1,6}))?", text)
    share = float(match[2] or 0.5) if match else 0.0
    if not match or not 0 < share < 1:
        raise GridError(
            f"Average with another epoch cannot be {text[:20]!r}. "
            "Write EPOCH:SHARE with a share between 0 and 1, such as 5:0.4."
        )
    if int(match[1]) not in available:
        raise GridError(
            f"There is no file of epoch {match[1]} to average with. "
            f"There are: {', '.join(map(str, available))}."
        )
    return Merge(int(match[1]), share)
