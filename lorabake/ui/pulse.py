"""What the page asks every second or two: the next step, the titles, the device, the progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import LorabakeError
from lorabake.core.jobs import JobView
from lorabake.core.run import Run
from lorabake.core.workspace import Project
from lorabake.ui.bakes import doing, newest_first, readiness
from lorabake.ui.device import device_label
from lorabake.ui.drawer import oven_news
from lorabake.ui.place import Shelf, place
from lorabake.ui.roles import Right, who
from lorabake.ui.tour import tour
from lorabake.ui.words import plural, running_text


@dataclass(frozen=True)
class Step:
    """One sentence and one button. go: the section it leads to; press: a button to press there."""

    text: str
    button: str
    go: str = "project"
    press: str = ""


_PLACES = {
    "tag": "tagging",
    "enhance": "improving",
    "verdict": "ready",
}  # where a kind of job is watched


def pulse(name: str, sections: Sequence[ModuleType]) -> dict[str, Any]:
    """The state of everything, for a tab that shows the project `name` ("" for none)."""
    jobs.ensure_runner(place().workspace)  # a runner that was killed is replaced
    queue = jobs.jobs(place().workspace)
    running = next((view for view in queue if view.status.state == "running"), None)
    known = name in place().workspace.projects()
    steps = running.status.steps if running else 0
    newest = newest_first(place().project(name).runs())[:1] if known else []
    return {
        "device": device_label(),
        "next": asdict(offered(next_step(place().project(name) if known else None, queue))),
        "version": place().dataset_version(name) if known else 0,
        "titles": {section.ID: title_state(section, name) if known else "" for section in sections},
        "files": [f"{run.name}: {len(run.checkpoints())}" for run in newest],
        "progress": running.status.step / steps if running and steps else None,
        "oven": oven_news(queue),
        "tour": tour(place().workspace, name if known else ""),
        "busy": running is not None or any(view.is_waiting for view in queue),
    }


def title_state(section: ModuleType, name: str) -> str:
    """A section that cannot say how it stands must not silence the others."""
    try:
        return str(section.state(name))
    except LorabakeError as error:
        return str(error)


_PRESSED: dict[str, Right] = {"lb-bake": "start", "lb-open-sample": "upload"}


def offered(step: Step) -> Step:
    """The same without its button for whoever may not press it."""
    if step.press and not who().may_ask(_PRESSED[step.press]):
        return replace(step, button="", press="")
    return step


def next_step(project: Project | None, queue: Sequence[JobView]) -> Step:
    """What a person would do now."""
    if project is None and place().workspace.projects():
        return Step("Opening your project…", "")  # the page says in a moment which one
    if project is None:
        return Step(
            "Start with a project of your own, or look around in the sample.",
            "Open the sample project",
            press="lb-open-sample",
        )
    mine = [view for view in queue if view.project == project.name]
    for view in mine:
        if view.status.state == "running":
            return _running(view)
    for view in mine:
        if view.is_waiting:
            where = _PLACES.get(view.kind, "baking")
            ahead = jobs.ahead(place().workspace)
            others = f" {plural(ahead, 'job')} of others first." if ahead else ""
            return Step(f"{view.title} waits in the queue.{others}", "Look at the queue", where)
    shelf = place().shelf(project.name)
    if not shelf.by_id:
        return Step(f"{project.name} has no pictures yet. Drop some in.", "Add pictures")
    runs = newest_first([run for run in project.runs() if run.recipe_path.exists()])
    if runs:
        step = _after(runs[0])
        if step:
            return step
    return _before(project, shelf)


def _running(view: JobView) -> Step:
    if view.kind == "tag":
        far = f"{view.status.step} of {view.status.steps}" if view.status.steps else "getting ready"
        return Step(f"Generating tags: {far}.", "Watch the tagger", "tagging")
    if view.kind == "enhance":
        status = view.status
        far = f"{100 * status.step // status.steps} %" if status.steps else "getting ready"
        return Step(f"Improving pictures: {far}.", "Watch it", "improving")
    if view.kind == "grid":
        done = (
            f"{view.status.step} of {view.status.steps}" if view.status.steps else "getting ready"
        )
        return Step(f"Rendering the grid: {done}.", "Look at the grid", "ready")
    if view.kind == "verdict":
        far = doing(view.run) or "getting ready"
        return Step(f"Measuring a grid: {far}.", "Look at the grid", "ready")
    return Step(f"Baking {view.run.name}: {running_text(view.status)}.", "Watch the bake", "baking")


def _after(run: Run) -> Step | None:
    """The step after a bake; None when the next thing is to bake again."""
    status = run.status()
    if status.state == "finished":
        if run.grid_dir.is_dir():
            return Step(f"{run.name} is baked, and its grid is there.", "Look at the grid", "ready")
        text = f"{run.name} is baked: {plural(len(run.checkpoints()), 'file')} to choose from."
        return Step(text, "See which epoch works best", "ready")
    if status.state in ("failed", "interrupted"):
        what = "could not be finished" if status.state == "failed" else "was interrupted"
        return Step(f"{run.name} {what}.", "See what happened", "baking")
    if status.state == "stopped":
        text = f"{run.name} was stopped at step {status.step}. {run.stopped_because}".rstrip()
        return Step(text, "Go on or start anew", "baking")
    return None


def _before(project: Project, shelf: Shelf) -> Step:
    """The step before the first bake."""
    count = plural(len(shelf.by_id), "picture")
    bare = len(shelf.by_id) - shelf.captioned
    if bare == len(shelf.by_id):
        return Step(
            f"{count}, no captions yet. Tags tell the model what is what.",
            "Generate tags",
            "tagging",
        )
    ready = readiness(project)
    if ready["blocked"]:
        return Step(str(ready["blocked"]), "Prepare the oven", "oven")
    also = f", {bare} without a caption" if bare else ""
    text = f"{count}{also}. {plural(ready['steps'], 'step')} with {ready['recipe']}."
    return Step(text, f"Bake {plural(ready['epochs'], 'epoch')}", "baking", "lb-bake")
