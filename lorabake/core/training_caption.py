"""What a picture is called at one step: the caption on its way to the text encoders.

The order is that of the guide's trainer: prefix and suffix → dropout of all words → wildcards →
tags → kept tags and kept suffix → token warmup → shuffle → dropout of tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from random import Random
from typing import Protocol

_CHOICE = re.compile(r"\{([^}]+)\}")
_OPEN, _CLOSE = "\ue000", "\ue001"  # private letters that stand for {{ and }} meanwhile


class CaptionRules(Protocol):
    """The recipe's "Captions", or those of one folder."""

    @property
    def keep_tokens(self) -> int: ...
    @property
    def keep_tokens_separator(self) -> str: ...
    @property
    def shuffle_caption(self) -> bool: ...
    @property
    def caption_prefix(self) -> str: ...
    @property
    def caption_suffix(self) -> str: ...
    @property
    def caption_dropout_rate(self) -> float: ...
    @property
    def caption_dropout_every_n_epochs(self) -> int: ...
    @property
    def caption_tag_dropout_rate(self) -> float: ...
    @property
    def token_warmup_min(self) -> int: ...
    @property
    def token_warmup_step(self) -> float: ...
    @property
    def enable_wildcard(self) -> bool: ...


@dataclass(frozen=True)
class Moment:
    """When a caption is asked for. step: optimizer steps done before; epoch: from 1."""

    step: int = 0
    total_steps: int = 0
    epoch: int = 1


def training_caption(
    lines: Sequence[str], rules: CaptionRules, *, rng: Random, when: Moment = Moment()
) -> str:
    """What the text encoders get.

    lines: of the caption file; all but the first only count with wildcards.
    rng: of this picture at this step; what is switched off draws nothing from it.
    """
    if _without_words(rules, rng, when.epoch):
        return ""
    line = lines[0] if lines else ""
    if rules.enable_wildcard and len(lines) > 1:
        line = rng.choice(lines)
    text = " ".join(part for part in (rules.caption_prefix, line, rules.caption_suffix) if part)
    if rules.enable_wildcard:
        text = with_choices_made(text, rng.choice)
    front, middle, end = _divided(text, rules)
    middle = middle[: warm_length(len(middle), rules, when)]
    if rules.shuffle_caption:
        rng.shuffle(middle)
    if rules.caption_tag_dropout_rate:
        middle = [tag for tag in middle if rng.random() >= rules.caption_tag_dropout_rate]
    return ", ".join([*front, *middle, *end])


def _without_words(rules: CaptionRules, rng: Random, epoch: int) -> bool:
    if rules.caption_dropout_rate and rng.random() < rules.caption_dropout_rate:
        return True
    every = rules.caption_dropout_every_n_epochs
    return every > 0 and epoch % every == 0


def with_choices_made(text: str, choose: Callable[[list[str]], str]) -> str:
    """`{red|blue} hair` → `red hair` or `blue hair`; {{ and }} are braces that stay."""
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    text = text.replace("{{", _OPEN).replace("}}", _CLOSE)
    end = text.rfind("}") + 1  # behind it, each { would be looked at to the end of the text
    text = _CHOICE.sub(lambda found: choose(found[1].split("|")), text[:end]) + text[end:]
    return text.replace(_OPEN, "{").replace(_CLOSE, "}")


def _divided(text: str, rules: CaptionRules) -> tuple[list[str], list[str], list[str]]:
    """Tags that stay in front, that may change, and that stay at the end.

    The first separator ends the front, the second begins the end; without one in the text the
    first `keep_tokens` tags are the front.
    """
    separator = rules.keep_tokens_separator
    if separator and separator in text:
        front, _, rest = text.partition(separator)
        middle, _, end = rest.partition(separator)
        return _tags(front), _tags(middle), _tags(end)
    tags = _tags(text)
    return tags[: rules.keep_tokens], tags[rules.keep_tokens :], []


def _tags(text: str) -> list[str]:
    return [tag for part in text.split(",") if (tag := part.strip())]


def warm_length(count: int, rules: CaptionRules, when: Moment) -> int:
    """How many of `count` tags are used while token warmup lasts: from `token_warmup_min` to all.

    token_warmup_step below 1 is a share of all steps.
    """
    steps = rules.token_warmup_step
    steps = floor(steps * when.total_steps) if steps < 1 else steps
    if when.step >= steps:
        return count
    least = min(count, rules.token_warmup_min)
    return floor(when.step * ((count - least) / steps)) + least
