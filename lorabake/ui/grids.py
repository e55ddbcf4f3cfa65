"""What the grid panel asks and tells: the request, how far it is, where its pictures lie."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import GridError, JobError, LorabakeError
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping, setting_fields, to_mapping
from lorabake.core.workspace import Project, inside
from lorabake.grid.axes import choose_epochs, parse_weights
from lorabake.grid.job import PLAN, GridPlan, GridRequest, prepare_grid, read_plan
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import newest_first, status_view
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import to_widget
from lorabake.ui.place import place

SHEET = "sheet.png"
PROMPT_TAGS = 8
SMALL = 512  # px a side of a cell in the table


@answered
def lb_ready(data: dict[str, Any]) -> dict[str, Any]:
    """Runs with files, the fields of a request with their values, the run's grids."""
    project = place().project(data.get("project"))
    runs = [run for run in newest_first(project.runs()) if run.checkpoints()]
    wanted = text(data, "run", limit=200)
    run = next((run for run in runs if run.name == wanted), runs[0] if runs else None)
    return {
        "runs": [run.name for run in runs],
        "run": run.name if run else "",
        "epochs": [checkpoint.epoch for checkpoint in run.checkpoints()] if run else [],
        "fields": fields(project),
        "grids": [grid_row(folder) for folder in grid_folders(run)] if run else [],
    }


@answered
def lb_count(data: dict[str, Any]) -> dict[str, Any]:
    """How many pictures a request makes; what was typed is kept for the next visit."""
    project = place().project(data.get("project"))
    request = _request(data)
    update_settings(project, grid=to_mapping(request))
    run = _run(data)
    epochs = choose_epochs(request.epochs, [checkpoint.epoch for checkpoint in run.checkpoints()])
    return {"count": len(epochs) * len(parse_weights(request.weights))}


@answered
def lb_render(data: dict[str, Any]) -> dict[str, Any]:
    """Put a grid into the queue; the same question about the same files goes on where it was."""
    run, request = _run(data), _request(data)
    update_settings(place().project(data.get("project")), grid=to_mapping(request))
    folder = prepare_grid(run, request)
    if not _is_complete(folder):
        with suppress(JobError):  # it is in the queue already
            jobs.enqueue(place().workspace, "grid", folder, f"{run.name}: {folder.name}")
    return {"grid": folder.name}


@answered
def lb_grid(data: dict[str, Any]) -> dict[str, Any]:
    """One grid as it is now: axes, which cells are there, how the job stands."""
    folder = _grid(data)
    plan = read_plan(folder)
    cells = [
        [
            row.epoch,
            weight,
            plan.cell_name(row, weight),
            (folder / plan.cell_name(row, weight)).exists(),
        ]
        for row in plan.rows
        for weight in plan.weights
    ]
    done = sum(1 for cell in cells if cell[3])
    status = status_view(Run(folder), _status(folder))
    if done == len(cells) and status["state"] in ("new", "queued"):
        status["state"] = "finished"
    return {
        **status,
        "name": folder.name,
        "place": place().workspace.job_place(folder),
        "prompt": plan.prompt,
        "negative": plan.negative,
        "facts": f"{plan.width} × {plan.height} px · seed {plan.seed} · {plan.steps} steps · "
        f"CFG {plan.cfg:g} · {plan.sampler}",
        "epochs": [row.epoch for row in plan.rows],
        "weights": list(plan.weights),
        "shape": [plan.width, plan.height],
        "cells": cells,
        "done": done,
        "sheet": (folder / SHEET).exists() and done == len(cells),
    }


def fields(project: Project) -> list[dict[str, Any]]:
    """The request's settings with the values to begin with: the last ones, else a good guess."""
    kept = project.read_settings().get("grid")
    values = kept if isinstance(kept, dict) else {"prompt": suggested_prompt(project)}
    return [
        {
            "name": spec.name,
            "label": spec.label + (f" ({spec.unit})" if spec.unit else ""),
            "help": spec.help,
            "type": spec.type,
            "choices": [str(choice) for choice in spec.choices],
            "more": spec.more,
            "value": str(values.get(spec.name, to_widget(spec, spec.default))),
        }
        for spec in setting_fields(GridRequest)
    ]


def suggested_prompt(project: Project) -> str:
    """The first tags of the first caption; the trigger word stands in front of them."""
    for picture in place().shelf(project.name).by_id.values():
        if picture.captioned:
            return ", ".join(tag.strip() for tag in picture.caption.split(",")[:PROMPT_TAGS])
    return ""


def grid_folders(run: Run) -> list[Path]:
    """The run's grids, the newest first."""
    if not run.grid_dir.is_dir():
        return []
    found = [path for path in run.grid_dir.iterdir() if (path / PLAN).is_file()]
    return sorted(found, key=lambda path: (path / PLAN).stat().st_mtime, reverse=True)


def grid_row(folder: Path) -> dict[str, Any]:
    try:
        plan = read_plan(folder)
    except GridError:
        return {"name": folder.name, "label": folder.name}
    prompt = plan.prompt if len(plan.prompt) <= 60 else plan.prompt[:57] + "…"
    return {"name": folder.name, "label": f"{len(plan.rows)} × {len(plan.weights)} · {prompt}"}


def cell_path(project: str, run: str, grid: str, name: str) -> Path:
    """The file of one cell; its name must be one of the plan's, so no other file can be asked for."""
    folder = _grid({"project": project, "run": run, "grid": grid})
    plan = read_plan(folder)
    if name not in _cell_names(plan):
        raise GridError("There is no such picture in this grid.")
    return folder / name


def small_cell_path(project: str, run: str, grid: str, name: str) -> Path:
    """The cell itself when it is small, else a thumbnail."""
    path = cell_path(project, run, grid, name)
    plan = read_plan(path.parent)
    if max(plan.width, plan.height) <= SMALL:
        return path
    return place().index.thumbnail(path, SMALL)


def sheet_path(project: str, run: str, grid: str) -> Path:
    return _grid({"project": project, "run": run, "grid": grid}) / SHEET


def _cell_names(plan: GridPlan) -> set[str]:
    return {plan.cell_name(row, weight) for row in plan.rows for weight in plan.weights}


def _request(data: dict[str, Any]) -> GridRequest:
    values = data.get("request")
    values = values if isinstance(values, dict) else {}
    return from_mapping(GridRequest, {str(name): value for name, value in values.items()})


def _run(data: dict[str, Any]) -> Run:
    run = place().project(data.get("project")).run(text(data, "run", limit=200))
    if not run.checkpoints():
        raise GridError("This run has no LoRA file yet. Wait for its first epoch to be saved.")
    return run


def _grid(data: dict[str, Any]) -> Path:
    project = place().project(data.get("project"))
    run = project.run(text(data, "run", limit=200))
    folder = inside(run.grid_dir, text(data, "grid", limit=200))
    if not (folder / PLAN).is_file():
        raise GridError("This grid is no longer there. Render it again.")
    return folder


def _is_complete(folder: Path) -> bool:
    plan = read_plan(folder)
    there = (folder / SHEET).exists()
    return there and all((folder / name).exists() for name in _cell_names(plan))


def _status(folder: Path) -> Any:
    try:
        return jobs.job(place().workspace, place().workspace.job_place(folder)).status
    except LorabakeError:
        return Run(folder).status()
