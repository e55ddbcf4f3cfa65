"""Which pictures of a grid can be compared, and which two to show next.

A candidate is what is to be decided: a LoRA at a weight, with all else that is no matter of luck. It
was drawn once for each scene, that is each prompt and seed, and only pictures of one scene are put
side by side. Pictures without any LoRA are left out.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from lorabake.grid.axes import EPOCH, WEIGHT
from lorabake.grid.board import Board, Spot, Tasted, tasted
from lorabake.grid.ranking import Strengths, chances, gains
from lorabake.grid.tags import lora_uses, without_tags

# Prompt without its LoRAs, negative prompt, seed.
Scene = tuple[str, str, int]


@dataclass(frozen=True)
class Candidate:
    """names: of its pictures, by scene. values: its labels along the field's axes, "epoch 8".

    epoch, weight: of the file of this run that it tastes of, where it is a single one.
    """

    label: str
    names: Mapping[Scene, str]
    values: tuple[str, ...]
    epoch: int | None = None
    weight: float | None = None


@dataclass(frozen=True)
class Field:
    """All candidates of a grid. axes: names of those along which they differ, "Epoch" first."""

    candidates: tuple[Candidate, ...]
    axes: tuple[str, ...]

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        scenes = dict.fromkeys(scene for one in self.candidates for scene in one.names)
        order = {scene: number for number, scene in enumerate(scenes)}
        return {
            name: (number, order[scene])
            for number, one in enumerate(self.candidates)
            for scene, name in one.names.items()
        }

    def place(self, name: str) -> int | None:
        """Which candidate a picture shows; None for one that is not compared."""
        found = self._places.get(name)
        return found[0] if found else None

    def scene(self, name: str) -> int | None:
        """The number of a picture's scene; None for one that is not compared."""
        found = self._places.get(name)
        return found[1] if found else None

    def comparable(self, left: str, right: str) -> bool:
        """Do two pictures show two candidates in one scene?"""
        one, other = self._places.get(left), self._places.get(right)
        return bool(one and other and one[0] != other[0] and one[1] == other[1])

    def pairs(self, there: Collection[str]) -> dict[tuple[int, int], list[Scene]]:
        """Which two candidates can be shown together, and in which scenes. there: pictures rendered."""
        drawn = [
            {scene: None for scene, name in one.names.items() if name in there}
            for one in self.candidates
        ]
        found = {
            (one, other): [scene for scene in drawn[one] if scene in drawn[other]]
            for one, other in combinations(range(len(drawn)), 2)
        }
        return {pair: scenes for pair, scenes in found.items() if scenes}


def field_of(board: Board) -> Field:
    """The candidates of a grid, in the order of its cells."""
    grouped: dict[object, list[Spot]] = {}
    for spot in board.spots:
        shot = spot.shot
        uses = tuple(use for use in lora_uses(shot.prompt) if not use.idle)
        made = (shot.steps, shot.cfg, shot.sampler, shot.width, shot.height, shot.clip_skip)
        if uses:
            grouped.setdefault((uses, made, shot.base), []).append(spot)
    members, epochs = list(grouped.values()), _epochs(board)
    found = [tasted(spots[0].shot, epochs) for spots in members]
    axes = [_axis(board, number, members, found) for number in range(3)]
    own = sorted((axis for axis in axes if axis is not None), key=lambda axis: _rank(axis[0]))
    candidates = [
        _candidate(spots, tuple(values[row] for _, values in own), found[row])
        for row, spots in enumerate(members)
    ]
    return Field(tuple(candidates), tuple(name for name, _ in own))


def next_pair(
    field: Field,
    there: Collection[str],
    strengths: Strengths,
    shown: Sequence[tuple[str, str]],
    source: random.Random,
) -> tuple[str, str] | None:
    """The pictures to show left and right; None when no two can be compared.

    Of all pairs the one whose vote tells most; those that were shown often count less, those that may
    be the best of all somewhat more. Never the two of the vote before, unless there are no others. What
    is equal, and which comes left, is up to `source`.

    shown: the pictures of the votes so far, the oldest first.
    """
    pairs = field.pairs(there)
    if not pairs:
        return None
    before = [(field.place(left), field.place(right)) for left, right in shown]
    last = set(before[-1]) if before else set()
    fresh = [pair for pair in pairs if set(pair) != last] or list(pairs)
    counts = Counter(place for pair in before for place in pair)
    told, hope = gains(strengths), chances(strengths) + 0.5 / len(strengths)
    # Powers as they found the best epoch and weight soonest, over simulated tastes.
    scores = [
        told[one, other]
        * (hope[one] + hope[other]) ** 0.25
        / math.sqrt(1 + counts[one] + counts[other])
        for one, other in fresh
    ]
    most = max(scores) * (1 - 1e-6)
    pair = source.choice([one for one, score in zip(fresh, scores, strict=True) if score >= most])
    one, other = (field.candidates[place] for place in pair)
    seen = Counter(frozenset(names) for names in shown)
    options = [(one.names[scene], other.names[scene]) for scene in pairs[pair]]
    fewest = min(seen[frozenset(names)] for names in options)
    left, right = source.choice([names for names in options if seen[frozenset(names)] == fewest])
    return (left, right) if source.random() < 0.5 else (right, left)


def roughly(count: int) -> int:
    """How many votes it takes to find the best of `count` candidates, for most people's tastes."""
    return max(10, 3 * count)


def _candidate(spots: Sequence[Spot], values: tuple[str, ...], found: Tasted) -> Candidate:
    names: dict[Scene, str] = {}
    for spot in spots:
        scene = (without_tags(spot.shot.prompt).strip(" ,\n"), spot.shot.negative, spot.shot.seed)
        names.setdefault(scene, spot.name)
    return Candidate(" · ".join(values) or spots[0].label, names, values, found.epoch, found.weight)


def _axis(
    board: Board, number: int, members: Sequence[Sequence[Spot]], found: Sequence[Tasted]
) -> tuple[str, list[str]] | None:
    """The name of an axis and each candidate's value on it; None for one along which they do not differ.

    However an axis came to change the epoch or the weight, as by Prompt S/R, it is named after that.
    """
    sides = (board.columns, board.rows, board.sheets)
    labels = [{sides[number][(spot.x, spot.y, spot.z)[number]] for spot in one} for one in members]
    if any(len(one) != 1 for one in labels):
        return None
    texts = [label for one in labels for label in one]
    if len(set(texts)) < 2:
        return None
    if _stands_for(texts, [one.epoch for one in found]):
        return EPOCH, [f"epoch {one.epoch}" for one in found]
    if _stands_for(texts, [one.weight for one in found]):
        return WEIGHT, [f"weight {one.weight:g}" for one in found]
    name = board.axis_names[number] if number < len(board.axis_names) else ""
    return name, [_spoken(name, text) for text in texts]


def _epochs(board: Board) -> dict[str, int]:
    """By the names of the grid's LoRAs, as far as they are epochs of one training."""
    found = [re.fullmatch(r"(.+)-(\d{2,6})", name) for name in board.files]
    if len({match[1] for match in found if match}) != 1:
        return {}
    return {match[0]: int(match[2]) for match in found if match}


def _stands_for(texts: Sequence[str], values: Sequence[float | None]) -> bool:
    """Does each text go with one value, and each value with one text?"""
    pairs = set(zip(texts, values, strict=True))
    return None not in values and len(pairs) == len(set(texts)) == len(set(values))


def _spoken(name: str, text: str) -> str:
    """ "Sampler: Euler" becomes "sampler Euler", as in a sentence."""
    before, colon, value = text.partition(": ")
    return f"{name[0].lower()}{name[1:]} {value}" if colon and before == name else text


def _rank(axis: str) -> int:
    """Epochs are decided first, then weights (the guide's order)."""
    return {EPOCH: 0, WEIGHT: 1}.get(axis, 2)
