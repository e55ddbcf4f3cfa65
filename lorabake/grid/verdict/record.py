"""verdict.json: what came of it, for the page and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.grid.verdict.asked import Key
from lorabake.grid.verdict.evidence import Evidence
from lorabake.grid.verdict.hints import hints_of, learned_nothing, sentence_of
from lorabake.grid.verdict.measures import Measure, measures_of, overcooked
from lorabake.grid.verdict.score import Proposal, propose
from lorabake.grid.verdict.words import ABOUT, shown

RESULT = "verdict.json"
MOST = 8 * MIB
DIGITS = 6
ORDER = tuple(ABOUT)


def write_verdict(grid: Path, evidence: Evidence, *, done: bool) -> dict[str, Any]:
    """Into the grid's folder; what was written. done: nothing is missing any more."""
    record = verdict_of(evidence, done=done)
    atomic_write_json(grid / RESULT, record, limit=MOST)
    return record


def read_verdict(grid: Path) -> dict[str, Any] | None:
    """What `write_verdict` wrote; None where there is none, or none that can be read."""
    try:
        record: Any = read_json(grid / RESULT, limit=MOST)
        fits = record["format"] == 1 and isinstance(record["measures"], list)
        return record if fits else None
    except (OSError, LorabakeError, KeyError, TypeError):
        return None


def verdict_of(evidence: Evidence, *, done: bool) -> dict[str, Any]:
    """The record. `values` of a measure are rows of epochs, each with one number a weight; null where
    nothing was measured (yet); the column of weight 0 is the plain base's."""
    measures = measures_of(evidence)
    proposal = propose(measures, held_out=evidence.held_out)
    nothing = bool(learned_nothing(evidence, measures))
    sentence = sentence_of(evidence, measures, proposal)
    chosen = None
    if proposal and not nothing:
        chosen = {"epoch": proposal.best[0], "weight": proposal.best[1], "why": sentence}
    told = dict(measures)
    if proposal:
        told["score"] = Measure("score", "higher", proposal.scores, near=proposal.tied)
    return {
        "format": 1,
        "done": done,
        "epochs": [row.epoch for row in evidence.asked.rows],
        "weights": list(evidence.asked.weights),
        "held_out": evidence.held_out,
        "pictures": len(evidence.losses.get(None, [])),
        "tagger": evidence.tagger,
        "telling": evidence.telling,
        "sentence": sentence,
        "verdict": chosen,
        "runner_up": _runner_up(proposal) if chosen else None,
        "measures": [_measure(told[name], evidence) for name in ORDER if name in told],
        "hints": [asdict(hint) for hint in hints_of(evidence, measures, proposal)],
        "signs": _signs(evidence, measures),
    }


def _runner_up(proposal: Proposal | None) -> dict[str, Any] | None:
    if proposal is None or proposal.runner_up is None:
        return None
    return {"epoch": proposal.runner_up[0], "weight": proposal.runner_up[1]}


def _measure(measure: Measure, evidence: Evidence) -> dict[str, Any]:
    memory = measure.name == "loss" and not evidence.held_out
    about = ABOUT["memory" if memory else measure.name]
    rows = _table(evidence, lambda key: measure.values.get(key), measure.base)
    return {
        "name": measure.name,
        "title": about.title,
        "better": measure.better,
        "about": about.text,
        "values": [[None if v is None else round(v, DIGITS) for v in row] for row in rows],
        "shown": [["" if v is None else shown(v, about.unit) for v in row] for row in rows],
        "errors": [
            [None if v is None else round(v, DIGITS) for v in row]
            for row in _table(evidence, lambda key: measure.errors.get(key), None)
        ],
        "near": [[bool(v) for v in row] for row in _table(evidence, lambda key: float(key in measure.near), 0.0)],
        "signs": [
            [None if v is None else round(v, 3) for v in row]
            for row in _table(evidence, lambda key: _sign(measure, key), None)
        ],
    }  # fmt: skip


def _sign(measure: Measure, key: Key) -> float | None:
    if measure.scale is None or key not in measure.values:
        return None
    return measure.scale.of(measure.values[key])


def _signs(evidence: Evidence, measures: Mapping[str, Measure]) -> list[dict[str, Any]]:
    """Cell by cell, what looks overcooked."""
    found = []
    for key in evidence.asked.cells:
        signs = overcooked(measures, key)
        if signs:
            found.append(
                {
                    "epoch": key[0],
                    "weight": key[1],
                    "signs": {name: round(share, 3) for name, share in signs.items()},
                }
            )
    return found


def _table(evidence: Evidence, of: Any, at_zero: float | None) -> Sequence[Sequence[float | None]]:
    return [
        [of((row.epoch, weight)) if weight else at_zero for weight in evidence.asked.weights]
        for row in evidence.asked.rows
    ]
