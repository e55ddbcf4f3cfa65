"""Improving the quality: small and blurred pictures larger and clearer, washed-out screencaps with contrast."""

from __future__ import annotations

from lorabake.enhance.job import enhancing_of
from lorabake.ui import (
    editing,
    improve_choice,
    improve_close,
    improve_plan,
    improve_view,
    improve_work,
    shelves,
)
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "improving"
TITLE = "Improving the quality"
GUIDE = (
    "Upscale what is too small and change the contrast of old screencaps. If your pictures are good "
    "enough and you train at 512 or less, skip this step."
)
SCRIPTS = (
    "gridview",
    "selection",
    "curating_past",
    "fields",
    "improving_form",
    "improving_models",
    "improving_grid",
    "improving_preview",
)
CALLS = (
    improve_work.lb_improving,
    improve_work.lb_improve_start,
    improve_work.lb_improve_stop,
    improve_work.lb_improve_resume,
    improve_work.lb_improve_undo,
    improve_choice.lb_improve_set,
    improve_choice.lb_improve_model,
    improve_view.lb_improve_rows,
    improve_view.lb_improve_looking,
    improve_plan.lb_improve_plan,
    improve_plan.lb_improve_picture,
    improve_close.lb_improve_close,
    improve_close.lb_improve_close_stop,
)


def build(desk: Desk) -> None:
    calls = (*CALLS, shelves.lb_look, editing.lb_history, editing.lb_undo, editing.lb_redo)
    board = part("improving", calls=calls, scripts=SCRIPTS, elem_id="lb-improving")
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: how many pictures need it, or how far it is."""
    view = enhancing_of(place().workspace, project)
    if view and view.status.state == "running":
        return improve_work.running_text(view)
    if view and view.is_waiting:
        return "waits in the queue"
    shelf = place().shelf(project)
    if not shelf.by_id:
        return ""
    found = improve_view.wanted(project, shelf)
    if found is None:
        return plural(len(shelf.by_id), "picture")
    return f"{found:,} of {plural(len(shelf.by_id), 'picture')} need it" if found else "not needed"
