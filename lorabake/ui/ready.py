"""Is it ready?: the same prompt for several epochs and weights, or anything else, side by side."""

from __future__ import annotations

from lorabake.ui import again, bakes, grab_do, grid_request, grids, handover, verdict, votes
from lorabake.ui.bakes import newest_first
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, look, now

ID = "ready"
TITLE = "Is it ready?"
GUIDE = (
    "Test your epochs, then which weight works. Your LoRA should ideally work at weight 1.0, "
    "but it is okay if it works best around 0.8."
)

SCRIPTS = (
    "again_review",
    "again",
    "handover",
    "lora_look",
    "ready_axes",
    "ready_request",
    "ready_table",
    "ready_large",
    "ready_board",
    "verdict",
    "votes_duel",
    "votes_friends",
    "votes",
)


def build(desk: Desk) -> None:
    calls = (
        grid_request.lb_ready,
        grid_request.lb_count,
        grid_request.lb_render,
        grid_request.lb_as_guide,
        grids.lb_grid,
        grids.lb_grid_retry,
        grids.lb_grid_page,
        bakes.lb_stop,
        bakes.lb_resume,
        again.lb_again_look,
        again.lb_again,
        grab_do.lb_grab_undo,
        *handover.CALLS,
        *verdict.CALLS,
        *votes.CALLS,
    )
    board = part("ready", calls=calls, scripts=SCRIPTS, elem_id="lb-ready")
    desk.project.change(look, desk.project, board, show_progress="hidden")
    board.changed(now, None, desk.dataset, show_progress="hidden")


def state(project: str) -> str:
    """The title's second half: what there is to look at."""
    for run in newest_first(place().project(project).runs()):
        folders = grids.grid_folders(run)
        if folders:
            row = grids.grid_row(folders[0])
            return f"{run.name}, {row['label'].split(' · ')[0]} pictures"
        if run.checkpoints():
            return f"{run.name} is waiting to be tasted"
    return ""
