"""A grid as the page shows it, whichever kind it is: how far it is, where its pictures lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.files import MIB
from lorabake.core.run import Run
from lorabake.core.workspace import inside
from lorabake.grid.board import Board, Spot, Tasted, epochs_of, tasted
from lorabake.grid.cells import SHEET, CellFiles
from lorabake.grid.failed import ERRORS, read_errors
from lorabake.grid.job import PLAN, run_of
from lorabake.grid.page import PAGE, write_page
from lorabake.grid.shot import Shot
from lorabake.grid.values import short_number
from lorabake.grid.xyz import XYZ, open_board, read_xyz
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import status_view
from lorabake.ui.place import place

SMALL = 512  # px a side of a cell in the table
NOTHING = "(nothing)"  # the label of an empty value


@dataclass(frozen=True)
class Opened:
    """A grid's plan as it was read.

    kind: "epochs" (by weights) or "xyz". labels: along X, Y and Z, one empty one where there is no
    axis. warnings: what a person should know of it.
    """

    board: Board
    kind: str
    labels: tuple[list[str], list[str], list[str]]
    warnings: tuple[str, ...] = ()

    def named(self, name: str) -> Spot | None:
        """The cell whose picture has this name."""
        return next((spot for spot in self.board.spots if spot.name == name), None)

    def label(self, spot: Spot) -> str:
        """What stands for a cell in a sentence: "epoch 3 · weight 0.8", "-03 · Seed: 5"."""
        columns, rows, sheets = self.labels
        if self.kind == "epochs":
            return f"{rows[spot.y]} · {columns[spot.x]}"
        parts = (columns[spot.x], rows[spot.y], sheets[spot.z])
        return " · ".join(filter(None, parts)) or "the picture"


@answered("look")
def lb_grid(data: dict[str, Any]) -> dict[str, Any]:
    """One grid as it is now: axes, every cell with its state, how the job stands.

    columns, rows, sheets: labels along X, Y and Z; cells: of X, then Y, then Z; shape: px.
    epoch, weight: the file of this run that a cell tastes of, as far as it is one; why: what keeps
    it from being handed over, or "".
    """
    folder = grid_folder(data)
    opened = open_grid(folder)
    board, errors = opened.board, read_errors(folder)
    columns, rows, sheets = opened.labels
    epochs = epochs_of(run_of(folder))
    cells = [_cell(folder, opened, spot, errors.get(spot.name, ""), epochs) for spot in board.spots]
    done = sum(cell["state"] == "done" for cell in cells)
    status = status_view(Run(folder), _status(folder))
    if done == len(cells) and status["state"] in ("new", "queued"):
        status["state"] = "finished"
    return {
        **status,
        "name": folder.name,
        "kind": opened.kind,
        "place": place().workspace.job_place(folder),
        "axis_names": list(board.axis_names),
        "columns": columns,
        "rows": rows,
        "sheets": sheets,
        "shape": [max(s.shot.width for s in board.spots), max(s.shot.height for s in board.spots)],
        "cells": cells,
        "done": done,
        "prompt": board.title,
        "negative": _common(board, lambda shot: shot.negative) or "",
        "facts": facts(board),
        "warnings": list(opened.warnings),
        "sheet": (folder / SHEET).exists() and status["state"] not in ("running", "queued"),
    }


@answered("start", what="Render again what failed in a grid")
def lb_grid_retry(data: dict[str, Any]) -> dict[str, Any]:
    """Put a grid into the queue once more, for the pictures that could not be rendered."""
    folder = grid_folder(data)
    queue_grid(folder)
    return {}


@answered("look")
def lb_grid_page(data: dict[str, Any]) -> dict[str, Any]:
    """Write the page for a friend, with the pictures as they are now; how large it is (MiB)."""
    folder = grid_folder(data)
    path = write_page(folder)
    return {"mib": path.stat().st_size / MIB}


def queue_grid(folder: Path) -> None:
    """Into the queue, unless all of it is there or it is in there already."""
    if is_complete(folder):
        return
    try:
        run = run_of(folder)
        jobs.enqueue(place().workspace, "grid", folder, f"{run.name}: {folder.name}")
    except LorabakeError:
        if _status(folder).state not in ("queued", "running"):
            raise


def open_grid(folder: Path) -> Opened:
    """The plan in a folder; read again only when it was written again, because the page asks often."""
    for name in (PLAN, XYZ):
        path = folder / name
        if path.is_file():
            return _opened(path, path.stat().st_mtime_ns)
    raise GridError("This grid is no longer there. Render it again.")


@lru_cache(maxsize=32)
def _opened(path: Path, _time: int) -> Opened:
    board = open_board(path.parent)
    if path.name == PLAN:
        return Opened(board, "epochs", _labels(board, "epochs"))
    return Opened(board, "xyz", _labels(board, "xyz"), read_xyz(path.parent).warnings)


def spot_of(folder: Path, name: str) -> Spot:
    """The cell whose picture has this name; GridError when the grid has none."""
    spot = open_grid(folder).named(name)
    if spot is None:
        raise GridError("There is no such picture in this grid.")
    return spot


def grid_folders(run: Run) -> list[Path]:
    """The run's grids, the newest first."""
    if not run.grid_dir.is_dir():
        return []
    plans = [
        path / name
        for path in run.grid_dir.iterdir()
        for name in (PLAN, XYZ)
        if (path / name).is_file()
    ]
    newest = sorted(plans, key=lambda path: path.stat().st_mtime, reverse=True)
    return list(dict.fromkeys(path.parent for path in newest))


def grid_row(folder: Path) -> dict[str, Any]:
    """Its line in the list: "3 × 4 · 1girl, …", with the axes' names where they are any."""
    try:
        opened = open_grid(folder)
    except GridError:
        return {"name": folder.name, "label": folder.name}
    board = opened.board
    sides = [len(side) for side in (board.rows, board.columns, board.sheets)]
    size = " × ".join(str(side) for side in (sides if sides[2] > 1 else sides[:2]))
    title = board.title if len(board.title) <= 60 else board.title[:57] + "…"
    named = f"{' × '.join(filter(None, board.axis_names))} · " if opened.kind == "xyz" else ""
    return {"name": folder.name, "label": f"{size} · {named}{title}"}


def facts(board: Board) -> str:
    """What all its pictures share, for the line under the prompt."""
    size = _common(board, lambda shot: f"{shot.width} × {shot.height} px")
    seed = _common(board, lambda shot: shot.seed)
    steps = _common(board, lambda shot: shot.steps)
    cfg = _common(board, lambda shot: shot.cfg)
    skip = _common(board, lambda shot: shot.clip_skip)
    base = _common(board, lambda shot: shot.base)
    told = (
        size,
        f"seed {seed}" if seed is not None else None,
        f"{steps} steps" if steps is not None else None,
        f"CFG {short_number(cfg)}" if cfg is not None else None,
        _common(board, lambda shot: shot.sampler),
        f"clip skip {skip}" if skip is not None and skip > 1 else None,
        f"on {base}" if base else None,
    )
    return " · ".join(filter(None, told))


def cell_path(project: str, run: str, grid: str, name: str) -> Path:
    """The file of one cell; its name must be one of the plan's, so no other file can be asked for."""
    folder = grid_folder({"project": project, "run": run, "grid": grid})
    return folder / spot_of(folder, name).name


def small_cell_path(project: str, run: str, grid: str, name: str) -> Path:
    """The cell itself when it is small, else a thumbnail."""
    path = cell_path(project, run, grid, name)
    shot = spot_of(path.parent, name).shot
    if max(shot.width, shot.height) <= SMALL:
        return path
    return place().index.thumbnail(path, SMALL)


def sheet_path(project: str, run: str, grid: str) -> Path:
    return grid_folder({"project": project, "run": run, "grid": grid}) / SHEET


def sub_sheet_path(project: str, run: str, grid: str, z: int) -> Path:
    """The sheet of one value of Z, counted from 1; drawn when it is asked for first."""
    folder = grid_folder({"project": project, "run": run, "grid": grid})
    board = open_grid(folder).board
    if not 1 <= z <= len(board.sheets):
        raise GridError("There is no such sheet in this grid.")
    files = CellFiles(folder, board)
    path = files.sub_sheet(z - 1)
    if not is_fresh(path, board):
        files.write_sub_sheet(z - 1, read_errors(folder))
    return path


def page_path(project: str, run: str, grid: str) -> Path:
    """What `lb_grid_page` wrote."""
    return grid_folder({"project": project, "run": run, "grid": grid}) / PAGE


def is_fresh(path: Path, board: Board) -> bool:
    """Is what was made of a grid's pictures newer than all of them, and than their errors?"""
    try:
        made = path.stat().st_mtime_ns
    except OSError:
        return False
    for name in (ERRORS, *(spot.name for spot in board.spots)):
        part = path.parent / name
        if part.exists() and part.stat().st_mtime_ns > made:
            return False
    return True


def is_complete(folder: Path) -> bool:
    there = (folder / SHEET).exists()
    return there and all((folder / spot.name).exists() for spot in open_grid(folder).board.spots)


def grid_folder(data: dict[str, Any]) -> Path:
    """{project, run, grid} → its folder."""
    project = place().project(data.get("project"))
    run = project.run(text(data, "run", limit=200))
    folder = inside(run.grid_dir, text(data, "grid", limit=200))
    open_grid(folder)
    return folder


def _cell(
    folder: Path, opened: Opened, spot: Spot, error: str, epochs: Mapping[str, int]
) -> dict[str, Any]:
    there = (folder / spot.name).exists()
    found = taste(folder, opened, spot, epochs)
    return {
        "at": [spot.x, spot.y, spot.z],
        "name": spot.name,
        "label": opened.label(spot),
        "state": "done" if there else "failed" if error else "waiting",
        "error": "" if there else error,
        "epoch": found.epoch,
        "weight": found.weight,
        "why": found.why,
    }


def taste(
    folder: Path, opened: Opened, spot: Spot, epochs: Mapping[str, int] | None = None
) -> Tasted:
    """Which file of its run a cell tastes of. epochs: of those files, where they are known."""
    if epochs is None:
        epochs = epochs_of(run_of(folder))
    found = tasted(spot.shot, epochs)
    if opened.kind == "epochs" and found.epoch is None:
        return Tasted(spot.epoch, spot.weight, f"The file of epoch {spot.epoch} is gone.")
    return found


def _labels(board: Board, kind: str) -> tuple[list[str], list[str], list[str]]:
    if kind == "epochs":
        columns = {spot.x: f"weight {spot.weight:g}" for spot in board.spots}
        rows = {spot.y: f"epoch {spot.epoch}" for spot in board.spots}
        return list(columns.values()), list(rows.values()), [""]
    x, y, z = (
        [label or (NOTHING if name else "") for label in labels]
        for name, labels in zip(
            board.axis_names, (board.columns, board.rows, board.sheets), strict=True
        )
    )
    return x, y, z


def _common(board: Board, get: Callable[[Shot], Any]) -> Any:
    """What is the same in all pictures, else None."""
    values: Sequence[Any] = list({get(spot.shot) for spot in board.spots})
    return values[0] if len(values) == 1 else None


def _status(folder: Path) -> Any:
    try:
        return jobs.job(place().workspace, place().workspace.job_place(folder)).status
    except LorabakeError:
        return Run(folder).status()
