"""What the Baking panel asks and tells: start, stop, resume, the queue, how a run stands."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import JobError, LorabakeError
from lorabake.core.events import read_tail
from lorabake.core.jobs import JobView
from lorabake.core.names import is_safe_name, slug
from lorabake.core.run import Run
from lorabake.core.status import RunStatus, log_tail
from lorabake.core.toml import read_toml
from lorabake.core.workspace import Project, inside
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.plan import make_plan
from lorabake.recipe.recipe import recipe_from_mapping
from lorabake.train.prepare import prepare_run
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import read_chosen
from lorabake.ui.losses import curve, lowest, samples
from lorabake.ui.place import of_place, place
from lorabake.ui.planned import advice
from lorabake.ui.words import plural

ENDED_SHOWN = 6
LOG_LINES = 14
SMALL_BYTES = 64 * 1024
SMALL_SIDE = 384  # px: of a sample in the strip


@answered("look")
def lb_baking(data: dict[str, Any]) -> dict[str, Any]:
    """Everything the panel shows but the curve: what can be baked, the queue, the chosen run."""
    project = place().project(data.get("project"))
    runs = [run for run in project.runs() if run.recipe_path.exists()]
    chosen = _shown_run(runs, text(data, "run", limit=200))
    queue = jobs.jobs(place().workspace)
    return {
        "ready": readiness(project),
        "queue": [job_row(view) for view in _listed(queue)],
        "runs": [run.name for run in newest_first(runs)],
        "run": run_view(project, chosen) if chosen else None,
    }


@answered("look")
def lb_curve(data: dict[str, Any]) -> dict[str, Any]:
    """The loss of a run, and its sample images: what the plot and the strip draw."""
    run = place().project(data.get("project")).run(text(data, "run", limit=200))
    point = lowest(run.events_path) if _finds_its_rate(run) else None
    return {**curve(run.events_path), "lowest": point, "samples": samples(run.events_path)}


def propose_bake(data: dict[str, Any]) -> str:
    """What the owner is asked when a helper would like to bake."""
    project = place().project(data.get("project"))
    ready = readiness(project)
    if ready["blocked"]:
        raise JobError(str(ready["blocked"]))
    base = read_chosen(project).recipe.model.base
    return (
        f"Bake {project.name} with {ready['recipe']} on {base}, "
        f"{plural(ready['epochs'], 'epoch')}, {plural(ready['steps'], 'step')}"
    )


@answered("start", what=propose_bake)
def lb_bake(data: dict[str, Any]) -> dict[str, Any]:
    """Write the run's folder and put it into the queue; refused with the reason when it cannot work."""
    project = place().project(data.get("project"))
    recipe = read_chosen(project).recipe
    dataset = place().dataset(project, recipe.captions.caption_extension)
    jobs.require_place(place().workspace)
    wanted = text(data, "name", limit=120).strip() or default_name(project)
    run = project.create_run(slug(wanted, otherwise="bake"))
    try:
        prepare_run(place().workspace, run.folder, dataset, recipe, name=run.name)
    except BaseException:
        with suppress(OSError):
            run.folder.rmdir()  # nothing was written into it yet
        raise
    jobs.enqueue(place().workspace, "train", run.folder, title(project, run))
    return {"run": run.name}


@answered("stop")
def lb_stop(data: dict[str, Any]) -> dict[str, Any]:
    """Let the job finish its step, save and leave."""
    jobs.request_stop(place().workspace, place().workspace.job_path(text(data, "place")))
    return {}


def propose_resume(data: dict[str, Any]) -> str:
    """The same for a job that ended early."""
    view = jobs.job(place().workspace, text(data, "place"))
    return f"Go on with {view.title}"


@answered("start", what=propose_resume)
def lb_resume(data: dict[str, Any]) -> dict[str, Any]:
    """Queue a job again that failed, was stopped or was interrupted."""
    jobs.resume(place().workspace, place().workspace.job_path(text(data, "place")))
    return {}


@answered("own")
def lb_remove(data: dict[str, Any]) -> dict[str, Any]:
    """Take a job off the list; what it made stays."""
    jobs.remove(place().workspace, place().workspace.job_path(text(data, "place")))
    return {}


@answered("own")
def lb_move(data: dict[str, Any]) -> dict[str, Any]:
    """Let a waiting job come earlier or later."""
    folder = place().workspace.job_path(text(data, "place"))
    jobs.move(place().workspace, folder, number(data, "position", otherwise=0, low=0, high=1000))
    return {}


_ready: dict[str, tuple[Any, dict[str, Any]]] = of_place(dict)


def sample_path(project: str, run: str, name: str) -> Path:
    """The file of one sample image; only what the run itself has named can be asked for."""
    found = place().project(project).run(run)
    told = {one["name"] for epoch in samples(found.events_path) for one in epoch["pictures"]}
    if name not in told or not name.endswith(".png") or not is_safe_name(name):
        raise JobError("There is no such sample image in this run.")
    return inside(found.previews_dir, name)


def small_sample_path(project: str, run: str, name: str) -> Path:
    """A thumbnail of it, unless it is small anyway."""
    path = sample_path(project, run, name)
    if path.stat().st_size < SMALL_BYTES:
        return path
    return place().index.thumbnail(path, SMALL_SIDE)


def readiness(project: Project) -> dict[str, Any]:
    """What the Bake button would do; counted anew only when pictures, settings or models changed."""
    workspace = place().workspace
    watched = (project.settings_path, workspace.models_dir, workspace.cache_dir / "shelf.json")
    changed = [path.stat().st_mtime_ns if path.exists() else 0 for path in watched]
    key = (place().shelf(project.name).stamp, *changed)
    known = _ready.get(project.name)
    if known is None or known[0] != key:
        known = _ready[project.name] = (key, _readiness(project))
    return known[1]


def _readiness(project: Project) -> dict[str, Any]:
    """Epochs, steps and the name of the next bake, or why there cannot be one."""
    try:
        recipe = read_chosen(project).recipe
        dataset = place().dataset(project, recipe.captions.caption_extension)
        _, remarks = advice(dataset, recipe)
        stops = [remark.text for remark in remarks if remark.level == "stop"]
        steps = 0 if stops else make_plan(dataset, recipe).total_steps
    except LorabakeError as error:
        return {"blocked": str(error)}
    return {
        "blocked": stops[0] if stops else "",
        "looks": sum(remark.level != "hint" for remark in remarks),
        "epochs": recipe.general.epochs,
        "steps": steps,
        "recipe": recipe.title,
        "name": default_name(project),
    }


def title(project: Project, run: Run) -> str:
    """How the queue, which holds the jobs of all projects, names a bake."""
    return run.name if run.name.startswith(project.name) else f"{project.name} · {run.name}"


def default_name(project: Project) -> str:
    return slug(project.name, otherwise="bake")


def newest_first(runs: list[Run]) -> list[Run]:
    def age(run: Run) -> float:
        try:
            return run.recipe_path.stat().st_mtime
        except OSError:
            return 0.0

    return sorted(runs, key=age, reverse=True)


def run_view(project: Project, run: Run) -> dict[str, Any]:
    """One run: how it stands, its files, the last lines of its log."""
    place_ = place().workspace.job_place(run.folder)
    try:
        view: JobView | None = jobs.job(place().workspace, place_)
    except JobError:
        view = None
    status = view.status if view else run.status()
    return {
        "name": run.name,
        "place": place_,
        **status_view(run, status),
        "position": view.position if view else None,
        "files": len(run.checkpoints()),
        "log": _log(run),
        "events": _size(run.events_path),
    }


def _finds_its_rate(run: Run) -> bool:
    """Prodigy and its kin, of which the guide says to look for the lowest loss near the end."""
    try:
        recipe = recipe_from_mapping(read_toml(run.recipe_path))
        return OPTIMIZERS[recipe.optimizer.type].wants_equal_rates
    except (LorabakeError, OSError):
        return False


def _size(path: Path) -> int:
    """In bytes; it grows with every event, so the page knows when there is something to ask for."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def status_view(run: Run, status: RunStatus) -> dict[str, Any]:
    """A RunStatus for the page; pace in s/step, left in s."""
    left = status.steps - status.step
    pace = status.seconds_left / left if status.seconds_left and left > 0 else None
    return {
        "state": status.state,
        "text": status.text,
        "details": status.details,
        "phase": status.phase,
        "doing": doing(run) if status.state == "running" else "",
        "step": status.step,
        "steps": status.steps,
        "epoch": status.epoch,
        "epochs": status.epochs,
        "loss": status.loss_average,
        "pace": pace,
        "left": status.seconds_left,
        "stopping": status.stopping_for is not None,
        "can_resume": status.can_resume,
        "seconds": status.ended - status.started if status.ended and status.started else None,
    }


def doing(run: Run) -> str:
    """What a job does before its first step, in its own words: "Reading the pictures · 12 of 64"."""
    for event in reversed(read_tail(run.events_path)):
        if event.type == "step":
            return ""
        if event.type == "phase":
            detail = str(event.data.get("detail") or event.data.get("name") or "")
            done, total = event.data.get("done"), event.data.get("total")
            return f"{detail} · {done} of {total}" if total else detail
    return ""


def job_row(view: JobView) -> dict[str, Any]:
    return {
        "place": view.place,
        "title": view.title,
        "kind": view.kind,
        "project": view.project,
        "run": view.run.name,
        "position": view.position,
        **status_view(view.run, view.status),
        "details": "",
    }


def _listed(queue: list[JobView]) -> list[JobView]:
    """All that run or wait, and those that ended last."""
    ended = [view for view in queue if view.status.is_over]
    return [view for view in queue if not view.status.is_over] + ended[:ENDED_SHOWN]


def _shown_run(runs: list[Run], wanted: str) -> Run | None:
    """The run that was asked for, else the one that is baking, else the newest."""
    ordered = newest_first(runs)
    for run in ordered:
        if run.name == wanted:
            return run
    for run in ordered[:20]:
        if run.status().state == "running":
            return run
    return ordered[0] if ordered else None


def _log(run: Run) -> str:
    """The last notes and warnings of the job, then the last lines it printed."""
    said = [
        str(event.data.get("text", ""))
        for event in read_tail(run.events_path)
        if event.type in ("note", "warning")
    ]
    return "\n".join([*said[-4:], *log_tail(run, LOG_LINES).splitlines()])
