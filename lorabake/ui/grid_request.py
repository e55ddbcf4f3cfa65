"""What the grid panel asks for: both forms, how many pictures they make, putting it into the queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError
from lorabake.core.run import Run
from lorabake.core.settings import SettingField, from_mapping, setting_fields, to_mapping
from lorabake.core.workspace import Project
from lorabake.engine.sampler_names import SAMPLER_NAMES
from lorabake.engine.shelf import lora_places
from lorabake.grid.axes import AXES, EPOCH, choose_epochs, parse_weights
from lorabake.grid.job import GridRequest, prepare_grid, size_for
from lorabake.grid.library import Bases
from lorabake.grid.pace import pace_of, work_of
from lorabake.grid.values import join_words
from lorabake.grid.xyz import as_the_guide_does, plan_xyz, prepare_xyz
from lorabake.grid.xyz_cells import shots_of
from lorabake.grid.xyz_request import XyzRequest
from lorabake.recipe.models import base_models
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import newest_first
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import to_widget
from lorabake.ui.grids import grid_folders, grid_row, queue_grid
from lorabake.ui.place import place
from lorabake.ui.roles import who

PROMPT_TAGS = 8
FORMS = {"epochs": GridRequest, "xyz": XyzRequest}
KEPT = {"epochs": "grid", "xyz": "grid_xyz"}  # where project.json keeps what was asked
FORM = "grid_form"
AXIS_FIELDS = ("x", "y", "z")


@answered("look")
def lb_ready(data: dict[str, Any]) -> dict[str, Any]:
    """Runs with files, the fields of both forms with their values, the run's grids."""
    project = place().project(data.get("project"))
    runs = [run for run in newest_first(project.runs()) if run.checkpoints()]
    wanted = text(data, "run", limit=200)
    run = next((run for run in runs if run.name == wanted), runs[0] if runs else None)
    return {
        "runs": [run.name for run in runs],
        "run": run.name if run else "",
        "epochs": [checkpoint.epoch for checkpoint in run.checkpoints()] if run else [],
        "form": form_of(project),
        "fields": fields(project),
        "axes": axes(run) if run else [],
        "grids": [grid_row(folder) for folder in grid_folders(run)] if run else [],
    }


@answered("look")
def lb_count(data: dict[str, Any]) -> dict[str, Any]:
    """How many pictures a request makes and what to know of it; it is kept for the next visit, unless
    whoever asks may only look.

    seconds: about how long, as an earlier grid of the run went; None when there is none.
    """
    run, request = _run(data), _request(data)
    if who().may("edit"):
        _keep(data, request)
    warnings: tuple[str, ...] = ()
    if isinstance(request, XyzRequest):
        plan = plan_xyz(run, request, _bases(), _folders(), hashed=False)
        shots, warnings = shots_of(plan), plan.warnings
        count, work = len(shots), work_of(shots)
    else:
        there = [checkpoint.epoch for checkpoint in run.checkpoints()]
        epochs, weights = choose_epochs(request.epochs, there), parse_weights(request.weights)
        count = len(epochs) * len(weights)
        width, height = size_for(request.size, run, run.checkpoints()[-1].path)
        work = count * width * height * request.steps
    pace = pace_of(grid_folders(run))
    return {
        "count": count,
        "warnings": list(warnings),
        "seconds": pace * work if pace else None,
    }


@answered("start", what="Render a grid")
def lb_render(data: dict[str, Any]) -> dict[str, Any]:
    """Put a grid into the queue; the same question about the same files goes on where it was."""
    run, request = _run(data), _request(data)
    _keep(data, request)
    if isinstance(request, XyzRequest):
        folder = prepare_xyz(run, request, _bases(), _folders())
    else:
        folder = prepare_grid(run, request)
    queue_grid(folder)
    return {"grid": folder.name}


@answered("look")
def lb_as_guide(data: dict[str, Any]) -> dict[str, Any]:
    """What the guide would write for this run: {prompt, x, y, z}."""
    values = data.get("request")
    prompt = text(values if isinstance(values, dict) else {}, "prompt", limit=4000)
    return as_the_guide_does(_run(data), prompt)


def form_of(project: Project) -> str:
    """The form that was used last."""
    kept = project.read_settings().get(FORM)
    return kept if isinstance(kept, str) and kept in FORMS else "epochs"


def fields(project: Project) -> list[dict[str, Any]]:
    """The settings of both forms, each once; values: the last ones, else a good guess.

    forms: the form it belongs to, with what its help says there.
    """
    return [
        {
            "name": spec.name,
            "label": spec.label + (f" ({spec.unit})" if spec.unit else ""),
            "forms": {form: own[name].help for form, own in _specs().items() if name in own},
            "type": spec.type,
            "choices": [str(choice) for choice in spec.choices],
            "longest": max(own[name].longest for own in _specs().values() if name in own),
            "more": spec.more,
            "axis": name in AXIS_FIELDS,
            "value": str(_kept(project).get(name, to_widget(spec, spec.default))),
        }
        for name, spec in _merged().items()
    ]


def axes(run: Run) -> list[dict[str, str]]:
    """The kinds of axis. fill: all values there are, where they can be listed."""
    listed: dict[str, Callable[[], list[str]]] = {
        EPOCH: lambda: [str(checkpoint.epoch) for checkpoint in run.checkpoints()],
        "Sampler": lambda: list(SAMPLER_NAMES),
        "Base model": lambda: [model.name for model in base_models(place().workspace)],
    }
    return [
        {
            "name": row.name,
            "example": row.example,
            "fill": join_words(listed[row.name]()) if row.name in listed else "",
        }
        for row in AXES
    ]


def suggested_prompt(project: Project) -> str:
    """The first tags of the first caption; the trigger word stands in front of them."""
    for picture in place().shelf(project.name).by_id.values():
        if picture.captioned:
            return ", ".join(tag.strip() for tag in picture.caption.split(",")[:PROMPT_TAGS])
    return ""


def _specs() -> dict[str, dict[str, SettingField]]:
    return {form: {spec.name: spec for spec in setting_fields(cls)} for form, cls in FORMS.items()}


def _merged() -> dict[str, SettingField]:
    """Those of the first form; each of the second's own behind the one it follows there."""
    first, second = _specs().values()
    order = list(first)
    before = -1
    for name in second:
        if name not in order:
            order.insert(before + 1, name)
        before = order.index(name)
    return {name: first.get(name) or second[name] for name in order}


def _kept(project: Project) -> dict[str, Any]:
    """What was asked last, the form that was used last before the other one."""
    settings, last = project.read_settings(), form_of(project)
    found: dict[str, Any] = {}
    for form in sorted(FORMS, key=lambda form: form == last):
        kept = settings.get(KEPT[form])
        found |= kept if isinstance(kept, dict) else {}
    return found or {"prompt": suggested_prompt(project)}


def _keep(data: dict[str, Any], request: GridRequest | XyzRequest) -> None:
    form = "xyz" if isinstance(request, XyzRequest) else "epochs"
    project = place().project(data.get("project"))
    update_settings(project, **{KEPT[form]: to_mapping(request), FORM: form})


def _request(data: dict[str, Any]) -> GridRequest | XyzRequest:
    values = data.get("request")
    asked = {str(name): value for name, value in values.items()} if isinstance(values, dict) else {}
    if data.get("form") == "xyz":
        return from_mapping(XyzRequest, asked)
    return from_mapping(GridRequest, asked)


def _bases() -> Bases:
    """By their names alone: what the page says can come from elsewhere."""
    return Bases(place().workspace, paths_allowed=False)


def _folders() -> list[Path]:
    return [found.root for found in lora_places(place().workspace)]


def _run(data: dict[str, Any]) -> Run:
    run = place().project(data.get("project")).run(text(data, "run", limit=200))
    if not run.checkpoints():
        raise GridError("This run has no LoRA file yet. Wait for its first epoch to be saved.")
    return run
