"""Which angles and framings a data set lacks.

The guide: "Try going for other angles like from side and from behind, so that Stable Diffusion
doesn't have to guess what they look like at those angles." It gives no numbers; the shares below
are modest ones, so that the meter is full long before a data set is out of balance.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from lorabake.core.tags import tag_key

LEAST: Final = 2  # pictures of anything that is wanted


@dataclass(frozen=True)
class _Wanted:
    group: Literal["angle", "framing"]
    kind: str
    share: float
    keys: frozenset[str]


_WANTED: Final = (
    _Wanted("angle", "from side", 0.08, frozenset(("from_side", "profile"))),
    _Wanted(
        "angle", "from behind", 0.06, frozenset(("from_behind", "back_view", "facing_away", "back"))
    ),
    _Wanted("angle", "from above or below", 0.04, frozenset(("from_above", "from_below"))),
    _Wanted(
        "framing",
        "close-up",
        0.08,
        frozenset(("close-up", "portrait", "face", "face_focus", "eye_focus", "headshot")),
    ),
    _Wanted("framing", "upper body", 0.15, frozenset(("upper_body",))),
    _Wanted("framing", "cowboy shot", 0.10, frozenset(("cowboy_shot",))),
    _Wanted(
        "framing",
        "full body",
        0.12,
        frozenset(("full_body", "wide_shot", "very_wide_shot")),
    ),
)


@dataclass(frozen=True)
class Need:
    """How well one angle or framing is covered.

    have, advised: pictures. sentence: what to do; "" when there are enough.
    """

    group: Literal["angle", "framing"]
    kind: str
    have: int
    advised: int
    sentence: str

    @property
    def is_met(self) -> bool:
        return self.have >= self.advised


def missing(captions: Sequence[Collection[str]]) -> tuple[Need, ...]:
    """One row for each angle and framing. captions: the tags of each picture."""
    tagged = [frozenset(map(tag_key, tags)) for tags in captions if tags]
    return tuple(_need(wanted, tagged) for wanted in _WANTED) if tagged else ()


def untagged(captions: Sequence[Collection[str]]) -> str:
    """A sentence about pictures that cannot be counted; "" when all have tags."""
    count = sum(not tags for tags in captions)
    if not count:
        return ""
    if count == len(captions):
        return "No picture has tags yet, so angles cannot be counted. Generate tags first."
    pictures = "1 picture has" if count == 1 else f"{count} pictures have"
    return f"{pictures} no tags and cannot be counted. Generate tags first."


def _need(wanted: _Wanted, tagged: Sequence[frozenset[str]]) -> Need:
    have = sum(not wanted.keys.isdisjoint(keys) for keys in tagged)
    advised = min(len(tagged), max(LEAST, ceil(wanted.share * len(tagged))))
    return Need(wanted.group, wanted.kind, have, advised, _sentence(wanted.kind, have, advised))


def _sentence(kind: str, have: int, advised: int) -> str:
    if have >= advised:
        return ""
    lack = advised - have
    more = "1 more picture" if lack == 1 else f"{lack} more pictures"
    if have == 0:
        return f"There is no picture {_words(kind)}, so the model has to guess. Look for {more}."
    return f"Only {have} {_words(kind)}. Look for {more}."


def _words(kind: str) -> str:
    return kind if kind.startswith("from") else f"that is a {kind}"
