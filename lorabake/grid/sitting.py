"""One rendering of a grid: as a job with lock and last word, telling a log what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError
from lorabake.core.events import EventType
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.worker import JobProcess, job_process
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import lora_places
from lorabake.grid.cells import CellFiles
from lorabake.grid.failed import read_errors
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.library import Bases
from lorabake.grid.render import Cell, Events, render_grid
from lorabake.grid.xyz import open_board, prepare_xyz, read_xyz
from lorabake.grid.xyz_request import XyzRequest

Tell = Callable[[str], None]


class Told:
    """Events that are also told in a line of the log."""

    def __init__(self, events: Events, tell: Tell) -> None:
        self._events = events
        self._tell = tell

    def write(self, type: EventType, **data: Any) -> None:
        self._events.write(type, **data)
        if type in ("note", "warning"):
            self._tell(str(data["text"]))
        elif type == "cell":
            self._tell(f"{data['done']} of {data['total']}: {data['label']}")


def work(
    job: JobProcess, tell: Tell, should_stop: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Render the job's grid; returns what its last event says. Paths are names in its folder."""

    def stop() -> bool:
        return job.should_stop() or bool(should_stop and should_stop())

    result = render_grid(job.folder, events=Told(job.events, tell), should_stop=stop)
    return {
        "sheet": result.sheet.name,
        "cells": [_cell(cell) for cell in result.cells],
        "verdict": None,
        "seconds": round(result.seconds, 2),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """What is said of a picture: its epoch and weight, or its place and what it stands for."""
    spot = cell.spot
    about: dict[str, Any] = {"path": cell.path.name if cell.path else None}
    if spot.epoch is not None:
        about |= {"epoch": spot.epoch, "weight": spot.weight}
    else:
        about |= {"x": spot.x, "y": spot.y, "z": spot.z, "label": spot.label}
    about |= {"seed": cell.seed}
    return about | ({"error": cell.error} if cell.error else {})


def prepare(
    run: Run, asked: Mapping[str, Any], workspace: Callable[[], Workspace], tell: Tell
) -> Path:
    """The folder of a grid: one of any axes when x, y or z is asked for, else epochs by weights.

    workspace: where base models and the folders of other programs are found, opened when needed.
    """
    if not {"x", "y", "z"} & asked.keys():
        return prepare_grid(run, from_mapping(GridRequest, asked, where="grid"))
    space = workspace()
    places = [place.root for place in lora_places(space)]
    request = from_mapping(XyzRequest, asked, where="grid")
    folder = prepare_xyz(run, request, Bases(space), places)
    for warning in read_xyz(folder).warnings:
        tell(warning)
    return folder


def render_here(
    folder: Path, *, tell: Tell, should_stop: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Render a prepared grid in this process; what came out, with whole paths."""
    with job_process(folder, kind="grid", tell=tell) as job:
        job.result.update(work(job, tell, should_stop))
    result = dict(job.result)
    result["sheet"] = str(folder / result["sheet"])
    for cell in result["cells"]:
        cell["path"] = str(folder / cell["path"]) if cell["path"] else None
    return result


def write_subgrids(folder: Path) -> list[Path]:
    """A sheet of X by Y for each value of Z that has a picture, as `sheet-1.png` and on.

    Raises GridError for a grid without Z.
    """
    board = open_board(folder)
    if not any(board.sheets):
        raise GridError("The grid has no Z, so its sheet is the only one. Give Z some values.")
    files = CellFiles(folder, board)
    reasons = read_errors(folder)
    written = [files.write_sub_sheet(z, reasons) for z in range(len(board.sheets))]
    return [path for path in written if path is not None]
