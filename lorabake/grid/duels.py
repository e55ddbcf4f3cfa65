"""Which pictures of a grid can be compared, and which two to show next.

A candidate is what is to be decided: a LoRA at a weight, with all else that is no matter of luck. It
was drawn once for each scene, that is each prompt and seed, and only pictures of one scene are put
side by side. Pictures without any LoRA are left out.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from lorabake.grid.board import Board, Spot
from lorabake.grid.ranking import Strengths, chances, gains
from lorabake.grid.tags import lora_uses, without_tags

# Prompt without its LoRAs, negative prompt, seed.
Scene = tuple[str, str, int]

_EPOCH, _WEIGHT = "Epoch", "Weight"


@dataclass(frozen=True)
class Candidate:
    """names: of its pictures, by scene. values: its labels along the field's axes, "epoch 8".

    epoch, weight: where the grid is one of those.
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
    members = list(grouped.values())
    labels = [[_labels(board, spot) for spot in spots] for spots in members]
    own = [
        axis
        for axis in range(3)
        if all(len({row[axis] for row in rows}) == 1 for rows in labels)
        and len({rows[0][axis] for rows in labels}) > 1
    ]
    own.sort(key=lambda axis: _rank(_axis_name(board, axis)))
    candidates = [
        _candidate(spots, tuple(rows[0][axis] for axis in own))
        for spots, rows in zip(members, labels, strict=True)
    ]
    return Field(tuple(candidates), tuple(_axis_name(board, axis) for axis in own))


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


def _candidate(spots: Sequence[Spot], values: tuple[str, ...]) -> Candidate:
    names: dict[Scene, str] = {}
    for spot in spots:
        scene = (without_tags(spot.shot.prompt).strip(" ,\n"), spot.shot.negative, spot.shot.seed)
        names.setdefault(scene, spot.name)
    first = spots[0]
    return Candidate(" · ".join(values) or first.label, names, values, first.epoch, first.weight)


def _labels(board: Board, spot: Spot) -> tuple[str, str, str]:
    """Along X, Y and Z: "Weight: 0.8" of an axis becomes "weight 0.8", as in a sentence."""
    texts = (board.columns[spot.x], board.rows[spot.y], board.sheets[spot.z])
    made = []
    for axis, text in enumerate(texts):
        name, colon, value = text.partition(": ")
        if _axis_name(board, axis) == _EPOCH and spot.epoch is not None:
            made.append(f"epoch {spot.epoch}")
        elif _axis_name(board, axis) == _WEIGHT and spot.weight is not None:
            made.append(f"weight {spot.weight:g}")
        elif colon and name == _axis_name(board, axis):
            made.append(f"{name[0].lower()}{name[1:]} {value}")
        else:
            made.append(text)
    return (made[0], made[1], made[2])


def _axis_name(board: Board, axis: int) -> str:
    return board.axis_names[axis] if axis < len(board.axis_names) else ""


def _rank(axis: str) -> int:
    """Epochs are decided first, then weights (the guide's order)."""
    return {_EPOCH: 0, _WEIGHT: 1}.get(axis, 2)
