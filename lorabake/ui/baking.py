"""Baking: start it, watch it, stop it. The bake itself is a process that outlives this page."""

from __future__ import annotations

from lorabake.core.run import Run
from lorabake.ui import bakes
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import running_text

ID = "baking"
TITLE = "Baking"
GUIDE = (
    "Let the trainer handle the rest. It goes on when this page is closed, "
    "and every epoch leaves a file to choose from."
)


def build(desk: Desk) -> None:
    calls = (
        bakes.lb_baking,
        bakes.lb_curve,
        bakes.lb_bake,
        bakes.lb_stop,
        bakes.lb_resume,
        bakes.lb_remove,
        bakes.lb_move,
    )
    board = part("baking", calls=calls, scripts=("plot", "strip", "jobs"), elem_id="lb-baking")
    follow(desk, board, tells=False)


def state(project: str) -> str:
    """The title's second half: "epoch 3 of 10, 4 min left"."""
    runs = place().project(project).runs()
    newest = bakes.newest_first([run for run in runs if run.recipe_path.exists()])
    for run in newest[:5]:
        status = run.status()
        if status.state == "running":
            return running_text(status)
    return _ended_text(newest[0]) if newest else ""


def _ended_text(run: Run) -> str:
    status = run.status()
    words = {
        "queued": f"{run.name} waits in the queue",
        "finished": f"{run.name} is done",
        "stopped": f"{run.name} was stopped",
        "failed": f"{run.name} could not be finished",
        "interrupted": f"{run.name} was interrupted",
    }
    return words.get(status.state, "")
