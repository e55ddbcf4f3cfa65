"""`<lora:hsr_kafka-10:1.0>` in a prompt: which files are put on the model, and how strongly."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lorabake.core.errors import GridError
from lorabake.grid.values import number

MAX_WEIGHT = 10.0
MAX_LORAS = 8  # in one prompt
_TAG = re.compile(r"<(lora|lyco):([^<>]*)>", re.I)


@dataclass(frozen=True)
class LoraUse:
    """A LoRA as a prompt asks for it. text, unet: its weights in the text encoders and the U-Net."""

    name: str
    text: float
    unet: float

    @property
    def idle(self) -> bool:
        return not self.text and not self.unet


def lora_tag(name: str, weight: float) -> str:
    """`<lora:hsr_kafka-07:0.8>`"""
    return f"<lora:{name}:{number(weight)}>"


def lora_uses(prompt: str) -> list[LoraUse]:
    """The LoRAs a prompt asks for, in its order.

    `<lora:NAME:TEXT:UNET>` or `te=` and `unet=`; a missing weight is 1, a missing second one is the
    first. Raises GridError for what is no weight, and for a LoRA that is named twice.
    """
    uses = [_use(match) for match in _TAG.finditer(prompt)]
    names = [use.name for use in uses]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise GridError(f"The prompt names {twice} twice. Leave one of the two tags.")
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
                f"The prompt asks for {match[0]}, which is not a file of this run. "
                "Leave it out: the grid puts in this run's own files."
            )
    return re.sub(r"(?:^|(?<=,))\s*,", "", without_tags(prompt)).strip().strip(",").strip()


def renamed(prompt: str, names: Sequence[str], name: str) -> str:
    """The prompt with the tag of one of these LoRAs asking for another one."""
    return _TAG.sub(lambda m: _written(m, name, None) if _name(m) in names else m[0], prompt)


def reweighted(prompt: str, names: Sequence[str], weight: float) -> str:
    """The prompt with the tag of one of these LoRAs at another weight."""
    return _TAG.sub(lambda m: _written(m, None, weight) if _name(m) in names else m[0], prompt)


def named(prompt: str) -> list[str]:
    """The names in a prompt's tags, whatever else stands in them."""
    return [_name(match) for match in _TAG.finditer(prompt)]


def _name(match: re.Match[str]) -> str:
    return match[2].partition(":")[0].strip()


def _written(match: re.Match[str], name: str | None, weight: float | None) -> str:
    parts = match[2].split(":")
    if name is not None:
        parts[0] = name
    if weight is not None:
        parts = [parts[0], number(weight)]
    return f"<{match[1]}:{':'.join(parts)}>"


def _use(match: re.Match[str]) -> LoraUse:
    name, *rest = (part.strip() for part in match[2].split(":"))
    if not name:
        raise GridError(f"{match[0]} names no LoRA. Write for example <lora:hsr_kafka-10:1.0>.")
    plain, named_ = [], {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            named_[key.strip().lower()] = value
        else:
            plain.append(part)
    if len(plain) > 2 or named_.keys() - {"te", "unet"}:
        raise GridError(
            f"{match[0]} has more than a weight for the text encoder and one for the U-Net, "
            "which is all that is drawn here. Leave the rest out."
        )
    text = _weight(named_.get("te", plain[0] if plain else "1"), match[0])
    unet_text = named_.get("unet", plain[1] if len(plain) > 1 else None)
    return LoraUse(name, text, text if unet_text is None else _weight(unet_text, match[0]))


def _weight(text: str, tag: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_WEIGHT:
        raise GridError(
            f"{text[:20]!r} in {tag[:80]} is no weight. Most LoRAs work from 0.5 to 1.0."
        )
    return weight
