"""`<lora:hsr_kafka-10:1.0>` in a prompt: which files are put on the model, and how strongly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lorabake.core.errors import GridError
from lorabake.core.names import shown
from lorabake.engine.networks.blocks import BlockWeights
from lorabake.grid.block_text import read_blocks
from lorabake.grid.values import number

MAX_WEIGHT = 10.0
MAX_LORAS = 8  # in one prompt
MAX_RANKS = 1024
BLOCKS_KEY, RANKS_KEY = "lbw", "dyn"
_PLAIN = ("te", "unet", RANKS_KEY)  # in this order, where no name stands before the number
_KEYS = (*_PLAIN, BLOCKS_KEY)
_TAG = re.compile(r"<(lora|lyco):([^<>]*)>", re.I)


@dataclass(frozen=True)
class LoraUse:
    """A LoRA as a prompt asks for it. text, unet: its weights in the text encoders and the U-Net.

    blocks: what they are multiplied by in each block. ranks: how many of its ranks count, None: all.
    """

    name: str
    text: float
    unet: float
    blocks: BlockWeights | None = None
    ranks: int | None = None

    @property
    def heard(self) -> float:
        """The weight in the text encoders, block weights counted."""
        return self.text if self.blocks is None else self.text * self.blocks.base

    @property
    def idle(self) -> bool:
        seen = self.unet if self.blocks is None else self.unet and any(self.blocks.numbers[1:])
        return not self.heard and not seen


def lora_tag(name: str, weight: float) -> str:
    """`<lora:hsr_kafka-07:0.8>`"""
    return f"<lora:{name}:{number(weight)}>"


def lora_uses(prompt: str) -> list[LoraUse]:
    """The LoRAs a prompt asks for, in its order.

    `<lora:NAME:TEXT:UNET:RANKS>` or `te=`, `unet=` and `dyn=`, as in A1111; a missing weight is 1, a
    missing second one is the first. `lbw=` as in LoRA Block Weight, see block_text.py. Raises
    GridError for what is no weight, and for a LoRA that is named twice.
    """
    uses = [_use(match) for match in _TAG.finditer(prompt)]
    names = [use.name for use in uses]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise GridError(f"The prompt names {shown(twice)} twice. Leave one of the two tags.")
    if len(uses) > MAX_LORAS:
        raise GridError(f"The prompt asks for {len(uses)} LoRAs; at most {MAX_LORAS} are drawn.")
    return uses


def without_tags(prompt: str) -> str:
    """What the text encoders hear: the tags are cut out, commas around them stay, as in web UIs."""
    return _TAG.sub("", prompt)


def without_lora_tags(prompt: str, names: Sequence[str]) -> str:
    """A prompt without the tags of this run's own files, which the grid puts in itself.

    names: of the files, without suffix. Raises GridError for the tag of another LoRA.
    """
    for match in _TAG.finditer(prompt):
        if _name(match) not in names:
            raise GridError(
                f"The prompt asks for {shown(match[0], 80)}, which is not a file of this run. "
                "Leave it out: the grid puts in this run's own files."
            )
    return re.sub(r"(?:^|(?<=,))\s*,", "", without_tags(prompt)).strip().strip(",").strip()


def renamed(prompt: str, names: Sequence[str], name: str) -> str:
    """The prompt with the tag of one of these LoRAs asking for another one."""
    return _changed(prompt, names, lambda parts: [name, *parts[1:]])


def reweighted(prompt: str, names: Sequence[str], weight: float) -> str:
    """The prompt with the tag of one of these LoRAs at another weight; ranks and blocks stay."""

    def change(parts: list[str]) -> list[str]:
        plain = [part for part in parts if not _key(part)]
        ranks = [f"{RANKS_KEY}={part}" for part in plain[3:4]]
        kept = [part for part in parts if _key(part) in (BLOCKS_KEY, RANKS_KEY)]
        return [parts[0], number(weight), *ranks, *kept]

    return _changed(prompt, names, change)


def reblocked(prompt: str, names: Sequence[str], blocks: str) -> str:
    """The prompt with the tag of one of these LoRAs at other block weights."""

    def change(parts: list[str]) -> list[str]:
        return [*(part for part in parts if _key(part) != BLOCKS_KEY), blocks_text(blocks)]

    return _changed(prompt, names, change)


def blocks_text(blocks: str) -> str:
    """Block weights as they stand in a tag: `lbw=1,0,0.5`."""
    return f"{BLOCKS_KEY}={blocks.replace(' ', '')}"


def named(prompt: str) -> list[str]:
    """The names in a prompt's tags, whatever else stands in them."""
    return [_name(match) for match in _TAG.finditer(prompt)]


def _changed(prompt: str, names: Sequence[str], change: Callable[[list[str]], list[str]]) -> str:
    """The prompt with other parts in the tags of these LoRAs; the first part is the name."""

    def other(match: re.Match[str]) -> str:
        if _name(match) not in names:
            return match[0]
        return f"<{match[1]}:{':'.join(change(match[2].split(':')))}>"

    return _TAG.sub(other, prompt)


def _name(match: re.Match[str]) -> str:
    return match[2].partition(":")[0].strip()


def _key(part: str) -> str:
    key, equals, _ = part.partition("=")
    return key.strip().lower() if equals else ""


def _use(match: re.Match[str]) -> LoraUse:
    name, *rest = (part.strip() for part in match[2].split(":"))
    if not name:
        raise GridError(
            f"{shown(match[0], 80)} names no LoRA. Write for example <lora:hsr_kafka-10:1.0>."
        )
    plain = [part for part in rest if not _key(part)]
    given = {_key(part): part.partition("=")[2] for part in rest if _key(part)}
    if len(plain) > len(_PLAIN) or given.keys() - _KEYS:
        raise GridError(
            f"{match[0][:80]} has more than weights (te, unet), ranks (dyn) and block weights (lbw), "
            "which is all that is drawn here. Leave the rest out."
        )
    given = {**dict(zip(_PLAIN, plain, strict=False)), **given}
    text = _weight(given.get("te", "1"), match[0])
    return LoraUse(
        name,
        text,
        _weight(given["unet"], match[0]) if "unet" in given else text,
        read_blocks(given[BLOCKS_KEY]) if BLOCKS_KEY in given else None,
        _ranks(given[RANKS_KEY], match[0]) if RANKS_KEY in given else None,
    )


def _ranks(text: str, tag: str) -> int:
    if not re.fullmatch(r"\s*\d{1,4}\s*", text) or not 1 <= int(text) <= MAX_RANKS:
        raise GridError(
            f"{text[:20]!r} in {tag[:80]} is no number of ranks, which go from 1 to {MAX_RANKS}."
        )
    return int(text)


def _weight(text: str, tag: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_WEIGHT:
        hint = f" Write {BLOCKS_KEY}={text.strip()}." if _is_blocks(text) else ""
        raise GridError(
            f"{text[:20]!r} in {tag[:80]} is no weight. Most LoRAs work from 0.5 to 1.0.{hint}"
        )
    return weight


def _is_blocks(text: str) -> bool:
    """Whether block weights stand where a weight belongs, as was once the way."""
    try:
        read_blocks(text)
    except GridError:
        return False
    return True
