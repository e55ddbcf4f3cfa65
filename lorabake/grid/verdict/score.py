"""The proposal: a score that can be followed by hand, and which cell it leads to.

    score = good · (1 − ½ · overcooked)

good: the weighted mean of what is there of
    fit       how much of the loss that some cell takes away this one takes away
    likeness  as a share of the most like cell's
    obeyed    as a share of the most obedient cell's
overcooked: the plainest of the signs, 0 to 1; drift of other prompts counts half, because a bake
    without regularisation pictures drifts however well it is baked.
Cells so close that chance may have ordered them are a tie: among these the weight nearest to 1.0 is
proposed, and of these the earliest epoch. docs/verdict.md tells where the numbers come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lorabake.grid.verdict.asked import Key
from lorabake.grid.verdict.measures import Measure, overcooked

WEIGHTS = {"fit": 0.35, "likeness": 0.45, "obeyed": 0.2}
MEMORY = 0.15  # of fit, where the pictures were trained on: it then also rewards learning by heart
COST = 0.5  # what a plain sign of overcooking takes from a score
HALF = ("drift",)  # signs that count half
TIE = (0.01, 0.02)  # at least and at most: within two standard errors in between


@dataclass(frozen=True)
class Proposal:
    """best: the proposed cell; runner_up: the best of the others, None where there is no other.

    tied: the cells that chance may have ordered, the proposed one among them.
    """

    scores: Mapping[Key, float]
    best: Key
    runner_up: Key | None
    tied: frozenset[Key]


def propose(measures: Mapping[str, Measure], *, held_out: bool) -> Proposal | None:
    """None where neither loss nor likeness was measured."""
    parts = {
        "fit": _fit(measures.get("loss")),
        "likeness": _share(measures.get("likeness")),
        "obeyed": _share(measures.get("obeyed")),
    }
    weights = {**WEIGHTS, "fit": WEIGHTS["fit"] if held_out else MEMORY}
    there = {name: part for name, part in parts.items() if part}
    if not there.keys() & {"fit", "likeness"}:
        return None
    keys = [key for key in next(iter(there.values())) if all(key in p for p in there.values())]
    whole = sum(weights[name] for name in there)
    scores = {}
    for key in keys:
        good = sum(weights[name] * part[key] for name, part in there.items()) / whole
        scores[key] = good * (1 - COST * _worst(measures, key))
    candidates = [key for key in keys if key[1] > 0]
    if not candidates:
        return None
    top = max(candidates, key=lambda key: scores[key])
    noise = {name: _noise(measures.get(_SOURCE[name]), name) for name in there}
    tied = frozenset(
        key
        for key in candidates
        if scores[top] - scores[key]
        <= _tie(math.hypot(*(weights[n] / whole * noise[n].get(key, 0.0) for n in there)))
    )
    best = min(tied, key=_preference)
    others = [key for key in candidates if key != best]
    runner_up = max(others, key=lambda key: (scores[key], -_preference(key)[0])) if others else None
    return Proposal(scores, best, runner_up, tied)


_SOURCE = {"fit": "loss", "likeness": "likeness", "obeyed": "obeyed"}


def _worst(measures: Mapping[str, Measure], key: Key) -> float:
    """How overcooked a cell is by its plainest sign."""
    signs = overcooked(measures, key).items()
    return max((share / 2 if name in HALF else share for name, share in signs), default=0.0)


def _preference(key: Key) -> tuple[float, int]:
    return round(abs(key[1] - 1.0), 6), key[0]


def _tie(error: float) -> float:
    return min(TIE[1], max(TIE[0], 2 * error))


def _fit(loss: Measure | None) -> dict[Key, float]:
    """0 where a cell predicts no better than the plain base, 1 for the lowest loss."""
    room = _room(loss)
    if loss is None or loss.base is None or room <= 0:
        return {}
    return {key: max(0.0, (loss.base - value) / room) for key, value in loss.values.items()}


def _share(measure: Measure | None) -> dict[Key, float]:
    if measure is None or measure.best is None or measure.values[measure.best] <= 0:
        return {}
    top = measure.values[measure.best]
    return {key: value / top for key, value in measure.values.items()}


def _room(loss: Measure | None) -> float:
    if loss is None or loss.best is None or loss.base is None:
        return 0.0
    return loss.base - loss.values[loss.best]


def _noise(measure: Measure | None, part: str) -> dict[Key, float]:
    """Standard errors in the units of a part of the score."""
    if measure is None or measure.best is None:
        return {}
    unit = _room(measure) if part == "fit" else measure.values[measure.best]
    return {key: error / unit for key, error in measure.errors.items()} if unit > 0 else {}
