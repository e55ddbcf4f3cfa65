"""Grabber: find pictures on boards, look at them, fetch those that are wanted; or add one's own."""

from __future__ import annotations

from lorabake.collect.job import grabs
from lorabake.ui import curate_do, grab_choice, grab_do, grab_look, grab_own, vocabulary
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "grabber"
TITLE = "Grabber"
GUIDE = (
    "Got a character in mind? Search for it as on a booru, look at what comes, and get it. "
    "It is best to leave one source checked."
)
SCRIPTS = (
    "completion",
    "grabber_filters",
    "grabber_results",
    "grabber_downloads",
    "grabber_form",
    "grabber_accounts",
    "again_review",
    "grabber_own",
)


def build(desk: Desk) -> None:
    calls = (
        grab_do.lb_grabber,
        grab_do.lb_grab_start,
        grab_do.lb_grab_pause,
        grab_do.lb_grab_resume,
        grab_do.lb_grab_undo,
        grab_do.lb_grab_update,
        grab_do.lb_grab_account,
        grab_choice.lb_grab_set,
        grab_look.lb_grab_search,
        grab_look.lb_grab_page,
        grab_look.lb_grab_found,
        grab_look.lb_grab_stop,
        grab_own.lb_grab_own,
        curate_do.lb_curate_deed,
        vocabulary.lb_complete,
    )
    board = part("grabber", calls=calls, scripts=SCRIPTS, elem_id="lb-grabber")
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: how far the downloads are."""
    views = grabs(place().workspace, project)
    active = [view for view in views if not view.job.status.is_over]
    if active:
        running = [view for view in active if view.job.status.state == "running"]
        view = (running or active)[0]
        if view not in running:
            return "waits in the queue"
        far = f"{view.done} of {view.total}" if view.total else "searching"
        return f"downloading, {far}"
    paused = sum(view.job.status.can_resume for view in views)
    return f"{plural(paused, 'download')} paused" if paused else ""
