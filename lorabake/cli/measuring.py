"""`grid --measure`: the verdict beside the pictures, in the words and numbers of the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorabake.core.workspace import Workspace


def measured(
    grid: Path, workspace: Workspace, tell: Callable[[str], None], should_stop: Callable[[], bool]
) -> dict[str, Any]:
    """`verdict` {epoch, weight, why}, None when nothing was learned; `runner_up`; `hints` [{text, why}];
    `measures` {epochs, weights, held_out, tagger, NAME: rows of epochs with one number a weight}."""
    from lorabake.grid.verdict.agreement import votes_say
    from lorabake.grid.verdict.sitting import measure_here

    record = measure_here(grid, workspace, tell=tell, should_stop=should_stop)
    said = votes_say(grid, record)
    tables = {measure["name"]: measure["values"] for measure in record["measures"]}
    axes = {key: record[key] for key in ("epochs", "weights", "held_out", "tagger", "telling")}
    return {
        "verdict": record["verdict"],
        "runner_up": record["runner_up"],
        "sentence": " ".join(filter(None, [record["sentence"], said])),
        "hints": [{"text": hint["text"], "why": hint["why"]} for hint in record["hints"]],
        "measures": axes | tables,
    }


def measured_lines(result: dict[str, Any]) -> list[str]:
    """The same for a person."""
    if "measures" not in result:
        return []
    lines = [result["sentence"] or "Nothing could be measured that leads to a proposal."]
    return [*lines, *(f"- {hint['text']}" for hint in result["hints"])]
