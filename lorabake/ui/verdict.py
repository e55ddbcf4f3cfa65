"""The verdict above a grid: what would be measured, how it stands, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.run import Run
from lorabake.grid.job import run_of
from lorabake.grid.verdict.agreement import votes_say
from lorabake.grid.verdict.asked import (
    FOLDER,
    KIND,
    ask_about,
    expected_seconds,
    prepare_verdict,
)
from lorabake.grid.verdict.record import RESULT, read_verdict
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import status_view
from lorabake.ui.grids import grid_folder
from lorabake.ui.place import place
from lorabake.ui.words import plural


@answered("look")
def lb_verdict(data: dict[str, Any]) -> dict[str, Any]:
    """How a grid's measuring stands, and the record when it is another than `stamp`.

    why: why it cannot be measured, or ""; plan: what would be done; seconds: how long that takes, None
    when nobody knows yet; record: of verdict.json, None when there is none or it is known; votes: a
    sentence on whether they agree, or "".
    """
    grid = grid_folder(data)
    folder = grid / FOLDER
    stamp = _stamp(grid / RESULT)
    known = stamp == text(data, "stamp", limit=40)
    answer: dict[str, Any] = {"why": "", "plan": "", "seconds": None, "stamp": stamp}
    record = read_verdict(grid) if stamp else None
    answer["record"] = None if known else record
    answer["votes"] = votes_say(grid, record) if record else ""
    answer |= status_view(Run(folder), _status(folder)) | {"place": ""}
    if folder.is_dir():
        answer["place"] = place().workspace.job_place(folder)
    try:
        asked = ask_about(grid, place().workspace)
    except GridError as error:
        return answer | {"why": str(error)}
    answer["plan"] = (
        f"{plural(len(asked.cells), 'cell')}: the loss of up to {asked.pictures} pictures in each, and "
        f"{plural(asked.paintings, 'small painting')} with {asked.steps} steps."
    )
    return answer | {"seconds": expected_seconds(grid, asked)}


@answered("start", what="Measure a grid, so that it proposes epoch and weight")
def lb_measure(data: dict[str, Any]) -> dict[str, Any]:
    """Put the measuring of a grid into the queue; what was measured before is kept."""
    grid = grid_folder(data)
    folder = prepare_verdict(grid, place().workspace)
    try:
        jobs.enqueue(place().workspace, KIND, folder, f"{run_of(grid).name}: measuring {grid.name}")
    except LorabakeError:
        if _status(folder).state not in ("queued", "running"):
            raise
    return {}


CALLS = (lb_verdict, lb_measure)


def _stamp(path: Path) -> str:
    try:
        return str(path.stat().st_mtime_ns)
    except OSError:
        return ""


def _status(folder: Path) -> Any:
    try:
        return jobs.job(place().workspace, place().workspace.job_place(folder)).status
    except LorabakeError:
        return Run(folder).status()
