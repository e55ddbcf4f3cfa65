"""What was measured of each cell, before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from lorabake.grid.verdict.asked import Asked, Key
from lorabake.grid.verdict.extra import Item
from lorabake.grid.verdict.likeness import Agreement
from lorabake.grid.verdict.looks import Look, distance
from lorabake.grid.verdict.paired import mean


@dataclass
class Evidence:
    """None as a key is the plain base.

    losses: of each picture. held_out: they were not trained on. strengths: ‖ΔW‖ / ‖W‖ by epoch.
    items: what was painted in each cell. looks, agreements: by cell and name of an item. data: looks
    of pictures of the data set. tagger: its name, "" where there is none; telling: what it looks for.
    """

    asked: Asked
    held_out: bool = False
    losses: dict[Key | None, list[float]] = field(default_factory=dict)
    strengths: dict[int, float] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    looks: dict[tuple[Key | None, str], Look] = field(default_factory=dict)
    data: list[Look] = field(default_factory=list)
    agreements: dict[tuple[Key | None, str], Agreement] = field(default_factory=dict)
    tagger: str = ""
    telling: list[str] = field(default_factory=list)

    @property
    def own(self) -> list[Item]:
        return [item for item in self.items if item.kind == "own"]

    @property
    def unrelated(self) -> list[Item]:
        return [item for item in self.items if item.kind == "other"]

    def looks_of(self, key: Key | None, items: Sequence[Item]) -> list[Look]:
        """Of a cell's pictures; [] until all of them are there."""
        found = [self.looks[key, item.name] for item in items if (key, item.name) in self.looks]
        return found if len(found) == len(items) else []

    def agreed(self, key: Key | None, what: Callable[[Agreement], float | None]) -> list[float]:
        """One number of each of a cell's own pictures; [] until the tagger has seen all of them."""
        found = [self.agreements.get((key, item.name)) for item in self.own]
        numbers = [what(one) for one in found if one is not None]
        there = [number for number in numbers if number is not None]
        return there if there and len(there) == len(self.own) else []

    def moved(self, key: Key, items: Sequence[Item]) -> list[float]:
        """How far each picture is from the base's with the same seed, in units of another seed."""
        unit = self.seed_distance
        looks, plain = self.looks_of(key, items), self.looks_of(None, items)
        if not looks or not plain or not unit:
            return []
        return [distance(one, other) / unit for one, other in zip(looks, plain, strict=True)]

    @property
    def seed_distance(self) -> float:
        """How far two pictures of the base are apart that differ in their seed alone."""
        pairs = [*self._seed_pairs(None)]
        for item in self.unrelated:
            one, other = (self.looks.get((None, item.name + more)) for more in ("", "-again"))
            if one is not None and other is not None:
                pairs.append(distance(one, other))
        return mean(pairs) if pairs else 0.0

    def variety(self, key: Key | None) -> float | None:
        """How far a cell's pictures of one prompt and different seeds are apart."""
        pairs = self._seed_pairs(key)
        return mean(pairs) if pairs else None

    def _seed_pairs(self, key: Key | None) -> list[float]:
        by_prompt: dict[str, list[Look]] = {}
        for item in self.own:
            look = self.looks.get((key, item.name))
            if look is not None:
                by_prompt.setdefault(item.prompt, []).append(look)
        return [
            distance(one, other)
            for looks in by_prompt.values()
            for one, other in combinations(looks, 2)
        ]


def ratio_to(looks: Sequence[Look], reference: float, what: Callable[[Look], float]) -> float:
    """The mean of a number of some looks as a share of a reference."""
    return mean([what(look) for look in looks]) / reference if reference else 0.0


def reference_of(evidence: Evidence, what: Callable[[Look], float]) -> float:
    """The data set's mean, or the plain base's where that is more: above both it is the LoRA's doing."""
    data, plain = evidence.data, evidence.looks_of(None, evidence.own)
    means = [mean([what(look) for look in looks]) for looks in (data, plain) if looks]
    return max(means, default=0.0)


Cells = Mapping[Key, float]
