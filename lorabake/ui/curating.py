"""Curating: look through the pictures, keep or bin them, cut and paint over what should not be learnt."""

from __future__ import annotations

from lorabake.ui import curate_do, curate_erase, curate_view, editing
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "curating"
TITLE = "Curating"
GUIDE = (
    "Get rid of bad quality images that might degrade your training, and try for other angles, like "
    "from side and from behind. Press ? for the keys."
)
SCRIPTS = (
    "gridview",
    "selection",
    "curating_stage",
    "curating_crop",
    "curating_erase",
    "curating_flags",
    "curating_missing",
    "curating_about",
    "curating_past",
    "curating_keys",
)


def build(desk: Desk) -> None:
    board = part(
        "curating",
        calls=(
            curate_view.lb_curating,
            curate_view.lb_curate_measuring,
            curate_view.lb_curate_look,
            curate_view.lb_curate_set,
            *curate_do.CALLS,
            *curate_erase.CALLS,
            editing.lb_filter,
            editing.lb_history,
            editing.lb_undo,
            editing.lb_redo,
        ),
        scripts=SCRIPTS,
        elem_id="lb-curating",
    )
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: how many pictures deserve a second look."""
    shelf = place().shelf(project)
    if not shelf.by_id:
        return "no pictures yet"
    found = curate_view.flagged(project, shelf)
    if found is None:
        return plural(len(shelf.by_id), "picture")
    return f"{plural(found, 'picture')} to look at" if found else "nothing stands out"
