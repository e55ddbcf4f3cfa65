"""dupeGuru: pictures that are there twice, which of them to keep, and the bin for the others."""

from __future__ import annotations

from lorabake.ui import dup_bin, dup_work
from lorabake.ui.dup_find import searches
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "duplicates"
TITLE = "dupeGuru"
GUIDE = (
    "Finds pictures that are there twice: resized, recompressed, mirrored, turned, cropped. "
    "It does not catch every one, so look through the rest under Curating."
)
SCRIPTS = (
    "gridview",
    "selection",
    "duplicates_difference",
    "duplicates_compare",
    "duplicates_list",
    "duplicates_bin",
)


def build(desk: Desk) -> None:
    board = part(
        "duplicates",
        calls=(*dup_work.CALLS, *dup_bin.CALLS),
        scripts=SCRIPTS,
        elem_id="lb-duplicates",
    )
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: "14 groups to review", or how far the scan is."""
    if not place().shelf(project).by_id:
        return ""
    search = searches.of(project)
    if search is None:
        return ""
    if search.running:
        return f"looking, {search.done:,} of {search.total:,}"
    found = dup_work.found_groups(project)
    if found is None:
        return ""
    return f"{plural(found, 'group')} to review" if found else "no duplicates"
