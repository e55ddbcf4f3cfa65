"""Tag/Caption editor: every picture of the project on the left, the chosen one with its tags on the right."""

from __future__ import annotations

from lorabake.ui import editing, inspecting
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "editor"
TITLE = "Tag/Caption editor"
_KEYS = "Press ? for the keys."
GUIDE = (
    "Look at every picture once and put its tags right: what you leave out of a caption, the model "
    "learns as part of your trigger."
) + f' <span class="lb-with-keys">{_KEYS}</span>'


def build(desk: Desk) -> None:
    board = part(
        "editor",
        calls=(*editing.CALLS, *inspecting.CALLS),
        scripts=("gridview", "selection", *inspecting.SCRIPTS, "many"),
        elem_id="lb-editor",
    )
    follow(desk, board, tells=False)


def state(project: str) -> str:
    """The title's second half: what is left to be written."""
    shelf = place().shelf(project)
    count = len(shelf.by_id)
    if not count:
        return "no pictures yet"
    bare = count - shelf.captioned
    return f"{plural(bare, 'picture')} without a caption" if bare else "every picture has a caption"
