"""From evidence to measures: one number for each cell, with what is good and where it begins to be bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lorabake.grid.verdict.asked import Key
from lorabake.grid.verdict.evidence import Evidence, ratio_to, reference_of
from lorabake.grid.verdict.looks import Look
from lorabake.grid.verdict.paired import error_of_difference, mean, within_noise

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Scale:
    """Where a sign of overcooking begins and where it is plain; thresholds are ours."""

    begins: float
    plain: float

    def of(self, value: float) -> float:
        """0 up to where it begins, 1 from where it is plain on; either may be the larger number."""
        share = (value - self.begins) / (self.plain - self.begins)
        return min(1.0, max(0.0, share))


@dataclass(frozen=True)
class Measure:
    """values: by cell. base: of the plain base. errors: standard error of the difference from the best
    cell, from the same pictures. near: cells within noise of the best. scale: of an overcooking sign.
    """

    name: str
    better: Better
    values: Mapping[Key, float]
    base: float | None = None
    errors: Mapping[Key, float] = field(default_factory=dict)
    near: frozenset[Key] = frozenset()
    scale: Scale | None = None

    @property
    def best(self) -> Key | None:
        if not self.values:
            return None
        choose = min if self.better == "lower" else max
        return choose(self.values, key=lambda key: self.values[key])


SCALES = {
    "saturation": Scale(1.15, 1.6),
    "contrast": Scale(1.15, 1.6),
    "clipped": Scale(0.05, 0.25),
    "variety": Scale(0.1, 0.02),
    "drift": Scale(0.8, 1.6),
}


def measures_of(evidence: Evidence) -> dict[str, Measure]:
    """All that can be told from what is there, by name."""
    found = [
        _paired("loss", "lower", evidence, lambda key: evidence.losses.get(key, [])),
        _paired("likeness", "higher", evidence, _agreed(evidence, "likeness")),
        _paired("obeyed", "higher", evidence, _agreed(evidence, "obeyed")),
        _ratio("saturation", evidence, lambda look: look.saturation),
        _ratio("contrast", evidence, lambda look: look.contrast),
        _clipped(evidence),
        _variety(evidence),
        _moved("drift", evidence),
        _moved("change", evidence),
    ]
    return {measure.name: measure for measure in found if measure.values}


def _paired(
    name: str, better: Better, evidence: Evidence, of: Callable[[Key | None], list[float]]
) -> Measure:
    samples = {key: values for key in evidence.asked.cells if (values := of(key))}
    means = {key: mean(values) for key, values in samples.items()}
    plain = of(None)
    measure = Measure(name, better, means, mean(plain) if plain else None)
    if measure.best is None:
        return measure
    best = samples[measure.best]
    return Measure(
        name,
        better,
        means,
        measure.base,
        {key: error_of_difference(best, values) for key, values in samples.items()},
        frozenset(key for key, values in samples.items() if within_noise(best, values)),
    )


def _agreed(evidence: Evidence, what: str) -> Callable[[Key | None], list[float]]:
    return lambda key: evidence.agreed(key, lambda agreement: getattr(agreement, what))


def _ratio(name: str, evidence: Evidence, what: Callable[[Look], float]) -> Measure:
    reference = reference_of(evidence, what)
    if not reference:
        return Measure(name, "lower", {})
    return _of_looks(name, evidence, lambda looks: ratio_to(looks, reference, what))


def _clipped(evidence: Evidence) -> Measure:
    reference = reference_of(evidence, lambda look: look.clipped)
    return _of_looks(
        "clipped", evidence, lambda looks: mean([look.clipped for look in looks]) - reference
    )


def _of_looks(name: str, evidence: Evidence, of: Callable[[Sequence[Look]], float]) -> Measure:
    own, values = evidence.own, {}
    for key in evidence.asked.cells:
        if looks := evidence.looks_of(key, own):
            values[key] = of(looks)
    plain = evidence.looks_of(None, own)
    return Measure(name, "lower", values, of(plain) if plain else None, scale=SCALES[name])


def _variety(evidence: Evidence) -> Measure:
    """As a share of the plain base's."""
    plain = evidence.variety(None)
    values = {}
    for key in evidence.asked.cells:
        if plain and evidence.looks_of(key, evidence.own):
            values[key] = (evidence.variety(key) or 0.0) / plain
    return Measure("variety", "higher", values, 1.0, scale=SCALES["variety"])


def _moved(name: str, evidence: Evidence) -> Measure:
    """Distance from the plain base's pictures: of unrelated prompts (drift) or its own (change)."""
    items = evidence.unrelated if name == "drift" else evidence.own
    values = {
        key: mean(moved) for key in evidence.asked.cells if (moved := evidence.moved(key, items))
    }
    if name == "drift":
        return Measure(name, "lower", values, 0.0, scale=SCALES[name])
    return Measure(name, "higher", values, 0.0)


def overcooked(measures: Mapping[str, Measure], key: Key) -> dict[str, float]:
    """The signs of overcooking that a cell shows, from 0 (it begins) to 1 (plain), by measure."""
    return {
        name: share
        for name, measure in measures.items()
        if measure.scale and key in measure.values
        if (share := measure.scale.of(measure.values[key])) > 0
    }
