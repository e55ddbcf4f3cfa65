"""The Oven: what bakes, what waits and what ended lately, within reach from anywhere on the page."""

from __future__ import annotations

from typing import Any

from lorabake.core import jobs
from lorabake.core.jobs import JobView
from lorabake.ui import bakes
from lorabake.ui.answers import answered
from lorabake.ui.place import place
from lorabake.ui.words import plural

ENDED_SHOWN = 8


@answered("look")
def lb_drawer(data: dict[str, Any]) -> dict[str, Any]:
    """The jobs of all projects: the one that runs, those that wait, those that ended last."""
    queue = jobs.jobs(place().workspace)
    ended = [view for view in queue if view.status.is_over][:ENDED_SHOWN]
    listed = [view for view in queue if not view.status.is_over] + ended
    return {"jobs": [{**bakes.job_row(view), "result": result(view)} for view in listed]}


CALLS = (lb_drawer, bakes.lb_stop, bakes.lb_resume, bakes.lb_remove, bakes.lb_move)


def oven_news(queue: list[JobView]) -> dict[str, Any]:
    """What the header says all the time. ended: the job that ended last, for a message about it."""
    ended = next((view for view in queue if view.status.is_over), None)
    return {
        "running": any(view.status.state == "running" for view in queue),
        "waiting": sum(view.is_waiting for view in queue),
        "ended": ended
        and {
            "key": f"{ended.place} {ended.status.ended or ended.status.state}",
            "text": f"{ended.title}: {outcome(ended)}",
        },
    }


def outcome(view: JobView) -> str:
    """How a job ended: "done, 10 files to choose from"."""
    words = {"failed": "could not be finished", "stopped": "was stopped"}
    words |= {"interrupted": "was interrupted"}
    if view.status.state in words:
        return words[view.status.state]
    found = result(view)
    return f"done, {found[0].lower()}{found[1:]}" if found else "done."


def result(view: JobView) -> str:
    """What a finished job has made, in a sentence; "" for others."""
    if view.status.state != "finished":
        return ""
    if view.kind == "train":
        return f"{plural(len(view.run.checkpoints()), 'file')} to choose from."
    return f"{plural(view.status.steps, 'picture')}." if view.status.steps else ""
