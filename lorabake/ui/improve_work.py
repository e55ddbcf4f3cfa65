"""What "Improving the quality" asks and does: how it stands, start, stop, undo and redo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import DatasetError, JobError
from lorabake.core.events import read_tail
from lorabake.core.history import open_history
from lorabake.core.jobs import JobView
from lorabake.core.workspace import Project
from lorabake.enhance.job import enhancing_of, start_enhance
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import status_view
from lorabake.ui.editing import told
from lorabake.ui.improve_choice import (
    describe,
    is_usual,
    read_improving,
    settings_of,
    upscaler_rows,
)
from lorabake.ui.improve_looking import looking
from lorabake.ui.improve_plan import pictures_chosen
from lorabake.ui.improve_view import figures, looking_row
from lorabake.ui.place import place
from lorabake.ui.remembered import widget_values
from lorabake.ui.shelves import look as shelf_look
from lorabake.ui.words import plural


@answered("look")
def lb_improving(data: dict[str, Any]) -> dict[str, Any]:
    """{project, form} → everything the panel shows but the pictures; begins to look at new ones.

    seen: another one when `lb_improve_rows` has other rows. form: ask for the fields, too.
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    looking.begin(project.name, shelf)
    found, settings = figures(project, shelf), read_improving(project)
    view = enhancing_of(place().workspace, project.name)
    return {
        "pictures": len(shelf.by_id),
        "small": found.count("small"),
        "blurred": found.count("blurred"),
        "looks": len(found.looks),
        "resolution": found.resolution,
        "problem": found.problem,
        "seen": [shelf.listing, list(looking.tick), len(found.looks), hash(tuple(found.buckets))],
        "looking": looking_row(shelf),
        "form": describe() if data.get("form") is True else None,
        "values": widget_values(settings),
        "usual": is_usual(settings),
        "upscalers": {**upscaler_rows(settings), "looking": shelf_look.running},
        "job": job_view(view) if view else None,
        "result": job_result(project, view) if view else None,
        "version": shelf.version,
    }


@answered("start", what="Improve pictures")
def lb_improve_start(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, values} → {place}: let the queue do it."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name, thorough=True)
    settings = settings_of(project, data)
    chosen = pictures_chosen(shelf, data)
    if not chosen:
        raise DatasetError("These pictures are no longer there. Choose others.")
    buckets = figures(project, shelf).buckets
    pairs = [
        (picture.path.relative_to(project.dataset_dir).as_posix(), picture.sha)
        for picture in chosen
    ]
    view = start_enhance(place().workspace, project.name, settings, pairs, buckets)
    return {"place": view.place}


@answered("stop")
def lb_improve_stop(data: dict[str, Any]) -> dict[str, Any]:
    """Let it finish the tile at hand and leave; the pictures that are ready are kept."""
    jobs.request_stop(place().workspace, _job(data).folder)
    return {}


@answered("start", what="Go on improving pictures")
def lb_improve_resume(data: dict[str, Any]) -> dict[str, Any]:
    jobs.resume(place().workspace, _job(data).folder)
    return {}


@answered("own")
def lb_improve_undo(data: dict[str, Any]) -> dict[str, Any]:
    """{project, operation, redo} → what `told` says: take this step back, or do it again; none but it."""
    project = place().project(data.get("project"))
    history = open_history(project.dataset_dir)
    again = data.get("redo") is True
    step = history.can_redo if again else history.can_undo
    if step is None or step.id != data.get("operation"):
        raise DatasetError(
            "Something was changed after this step. Undo at the top takes the steps back one after "
            "the other."
        )
    return told(project.name, history.redo() if again else history.undo())


def running_text(view: JobView) -> str:
    """ "running, 40 %"."""
    status = view.status
    return f"running, {100 * status.step // status.steps} %" if status.steps else "getting ready"


def job_view(view: JobView) -> dict[str, Any]:
    """How a job stands; name: the picture it is at."""
    steps = (e for e in reversed(read_tail(view.run.events_path)) if e.type == "step")
    at = next(steps, None)
    return {
        "place": view.place,
        "created": view.created,
        "position": view.position,
        "name": str(at.data.get("name", "")) if at and view.status.state == "running" else "",
        **status_view(view.run, view.status),
    }


def job_result(project: Project, view: JobView) -> dict[str, Any] | None:
    """What the last improvement did, as far as it is over: a sentence, what was left out, the way back.

    can: "undo" or "redo" when that is the next step of the history, else "".
    """
    if not view.status.is_over:
        return None
    events = reversed(read_tail(view.run.events_path))
    last = next((event.data for event in events if "operation" in event.data), None)
    if last is None:
        return None
    operation = last["operation"]
    history = open_history(project.dataset_dir)
    undo, redo = history.can_undo, history.can_redo
    can = ""
    if operation is not None:
        can = "undo" if undo and undo.id == operation else ""
        can = "redo" if redo and redo.id == operation else can
    finished = view.status.state == "finished"
    skipped = [f"{path}: {why}" for path, why in last.get("skipped", ())]
    if not finished and not last.get("improved") and not skipped:
        return None  # stopped before anything was ready
    return {
        "said": result_text(last, len(skipped), undone=can == "redo", finished=finished),
        "operation": operation,
        "can": can,
        "skipped": skipped,
    }


def result_text(
    result: Mapping[str, Any], skipped: int, *, undone: bool = False, finished: bool = True
) -> str:
    """ "Improved 12 pictures. The originals are kept. 3 pictures are good as they are." """
    improved, unchanged = int(result.get("improved", 0)), int(result.get("unchanged", 0))
    rest = int(result.get("pictures", 0)) - improved - unchanged - skipped
    if undone:
        return f"Undone: {plural(improved, 'original')} came back."
    said = ["No picture was changed."]
    if improved:
        kept = "original is" if improved == 1 else "originals are"
        said = [f"Improved {plural(improved, 'picture')}. The {kept} kept."]
    if unchanged:
        good = "is good as it is" if unchanged == 1 else "are good as they are"
        said.append(f"{plural(unchanged, 'picture')} {good}.")
    if skipped:
        left = "was left out" if skipped == 1 else "were left out"
        said.append(f"{plural(skipped, 'picture')} {left}.")
    if rest > 0:
        why = "changed since the choice" if finished else "not reached"
        said.append(f"{plural(rest, 'picture')} {why}.")
    return " ".join(said)


def _job(data: dict[str, Any]) -> JobView:
    """The improvement of this project; no other job can be stopped from here."""
    project = place().project(data.get("project"))
    view = enhancing_of(place().workspace, project.name)
    if view is None or view.place != text(data, "place", limit=400):
        raise JobError("This job is no longer there. Reload the page to see what is.")
    return view
