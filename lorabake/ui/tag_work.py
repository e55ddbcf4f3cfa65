"""What "Generate tags" asks and does: how it stands, start, stop, write, undo and redo."""

from __future__ import annotations

from typing import Any

from lorabake.captions.editing import history_of
from lorabake.core import jobs
from lorabake.core.errors import DatasetError, JobError
from lorabake.core.events import read_tail
from lorabake.core.jobs import JobView
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Project
from lorabake.engine.shelf.jobs import downloads
from lorabake.tag.apply import TagPreview, write_tags
from lorabake.tag.job import read_request, start_tagging, tagging_of
from lorabake.tag.settings import TagSettings
from lorabake.tag.taggers import chosen_names
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import status_view
from lorabake.ui.place import place
from lorabake.ui.shelves import download_row, look
from lorabake.ui.tag_choice import (
    describe,
    is_usual,
    known_taggers,
    picture_ids,
    read_tagging,
    settings_of,
    tagger_rows,
    widget_values,
)
from lorabake.ui.tag_preview import full_preview
from lorabake.ui.tag_review import skipped_rows
from lorabake.ui.words import plural


@answered("look")
def lb_tagging(data: dict[str, Any]) -> dict[str, Any]:
    """Everything the panel shows but the preview; `form` asks for the fields, too."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    settings = read_tagging(project)
    choices = known_taggers()
    models = {choice.model for choice in choices} - {""}
    fetched = [download_row(view) for view in downloads(place().workspace)]
    view = tagging_of(place().workspace, project.name)
    return {
        "pictures": len(shelf.by_id),
        "captioned": shelf.captioned,
        "scope": len(picture_ids(project, data)),
        "form": describe() if data.get("form") is True else None,
        "values": widget_values(settings),
        "usual": is_usual(settings),
        "taggers": tagger_rows(settings, choices),
        "downloads": [row for row in fetched if row["spec"] in models],
        "looking": look.running,
        "job": job_view(view) if view else None,
        "pace": pace(view, settings) if view else None,
        "files": place().caption_extension(project),
        "version": place().dataset_version(project.name),
    }


@answered("start", what="Generate tags")
def lb_tag_start(data: dict[str, Any]) -> dict[str, Any]:
    """Write tags now when every picture has its probabilities, else let the queue do both.

    write: false only looks, so that thresholds can be chosen before anything is written.
    """
    project = place().project(data.get("project"))
    settings = settings_of(project, data)
    ids, write = picture_ids(project, data), data.get("write") is not False
    if not ids:
        raise DatasetError("There are no pictures to tag. Choose others above.")
    found = full_preview(project, settings, ids)
    if write and not found.missing:
        return write_now(project, found)
    files = place().caption_extension(project)
    view = start_tagging(place().workspace, project.name, settings, ids, write, extension=files)
    return {"place": view.place}


@answered("stop")
def lb_tag_stop(data: dict[str, Any]) -> dict[str, Any]:
    """Let it finish the pictures at hand and leave; what it has seen is kept."""
    jobs.request_stop(place().workspace, _job(data).folder)
    return {}


@answered("start", what="Go on generating tags")
def lb_tag_resume(data: dict[str, Any]) -> dict[str, Any]:
    jobs.resume(place().workspace, _job(data).folder)
    return {}


@answered("edit")
def lb_tag_undo(data: dict[str, Any]) -> dict[str, Any]:
    """Undo the step that the page has just told of, or (`redo`) do it again; none but that one."""
    project = place().project(data.get("project"))
    history = history_of(project.dataset_dir)
    again = data.get("redo") is True
    step = history.can_redo if again else history.can_undo
    if step is None or step.id != data.get("operation"):
        raise DatasetError(
            "Captions were changed after this step. The list of steps under Process tags undoes "
            "them one after the other."
        )
    outcome = history.redo() if again else history.undo()
    place().captions_changed(project.name, outcome.changed)
    count = plural(len(outcome.changed), "caption")
    return {
        "said": f"{step.title}: done again in {count}." if again else f"{count} as before.",
        "operation": step.id,
        "undone": not again,
        "skipped": skipped_rows(outcome),
    }


def write_now(project: Project, found: TagPreview) -> dict[str, Any]:
    """Write the captions of a preview as one step, and say how many tags that were."""
    root = project.dataset_dir
    outcome = write_tags(root, found, extension=place().caption_extension(project))
    place().captions_changed(project.name, outcome.changed)
    changed = {path.rpartition(".")[0] for path in outcome.changed}
    written = sum(
        len(set(map(tag_key, change.after)) - set(map(tag_key, change.before)))
        for change in found.changed
        if change.image.relative_to(root).with_suffix("").as_posix() in changed
    )
    return {
        "said": written_text(written, len(outcome.changed), len(outcome.skipped)),
        "operation": outcome.operation.id if outcome.operation else None,
        "skipped": skipped_rows(outcome),
    }


def written_text(tags: int, captions: int, skipped: int) -> str:
    """ "Wrote 312 tags into 24 captions." """
    if not captions and not skipped:
        return "Every caption says this already. Nothing was changed."
    said = f"Wrote {plural(tags, 'tag')} into {plural(captions, 'caption')}."
    if skipped:
        said += f" {plural(skipped, 'caption')} left alone, because of changes meanwhile."
    return said


def running_text(view: JobView) -> str:
    """ "running, 12 of 24"."""
    status = view.status
    return f"running, {status.step} of {status.steps}" if status.steps else "getting ready"


def job_view(view: JobView) -> dict[str, Any]:
    """How a job stands, and what it has written when it is over."""
    return {
        "place": view.place,
        "created": view.created,
        "position": view.position,
        **status_view(view.run, view.status),
        **job_result(view),
    }


def pace(view: JobView, settings: TagSettings) -> float | None:
    """Seconds a picture of the last tagging, if it was by the same taggers and had work to do."""
    status = view.status
    names = chosen_names(place().workspace, settings.taggers)
    if status.state != "finished" or not (status.started and status.ended and status.steps):
        return None
    last = next((e.data for e in reversed(read_tail(view.run.events_path)) if e.is_last_word), {})
    if last.get("scored") != status.steps or read_request(view.folder).taggers != tuple(names):
        return None
    return (status.ended - status.started) / status.steps


def job_result(view: JobView) -> dict[str, Any]:
    """The sentence about what a finished job wrote, and the step that undoes it."""
    nothing: dict[str, Any] = {"said": "", "operation": None, "skipped": []}
    if view.status.state != "finished":
        return nothing
    last = next((e.data for e in reversed(read_tail(view.run.events_path)) if e.is_last_word), {})
    written, failed = int(last.get("written", 0)), int(last.get("failed", 0))
    skipped = [f"{path}: {why}" for path, why in last.get("skipped", ())]
    said = ""
    if last.get("operation") is not None or skipped:
        said = written_text(int(last.get("tags", 0)), written, len(skipped))
    if failed:
        said += f" {plural(failed, 'picture')} could not be read; the log of the job says why."
    return {"said": said.strip(), "operation": last.get("operation"), "skipped": skipped}


def _job(data: dict[str, Any]) -> JobView:
    """The tagging of this project; no other job can be stopped from here."""
    project = place().project(data.get("project"))
    view = tagging_of(place().workspace, project.name)
    if view is None or view.place != text(data, "place", limit=400):
        raise JobError("This job is no longer there. Reload the page to see what is.")
    return view
