"""Generate tags: a tagger looks at the pictures, and its words become captions."""

from __future__ import annotations

from lorabake.tag.job import tagging_of
from lorabake.ui import shelves, tag_choice, tag_preview, tag_review, tag_work, vocabulary
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow

ID = "tagging"
TITLE = "Generate tags"
GUIDE = (
    "A tagger looks at your pictures once and writes what it sees. "
    "Move the thresholds as often as you like: it need not look again."
)
SCRIPTS = (
    "completion",
    "tagging_taggers",
    "fields",
    "tagging_form",
    "tagging_chart",
    "tagging_examples",
    "tagging_review",
)


def build(desk: Desk) -> None:
    calls = (
        tag_work.lb_tagging,
        tag_work.lb_tag_start,
        tag_work.lb_tag_stop,
        tag_work.lb_tag_resume,
        tag_work.lb_tag_undo,
        tag_choice.lb_tag_set,
        tag_preview.lb_tag_examples,
        tag_preview.lb_tag_count,
        tag_preview.lb_tag_curve,
        tag_review.lb_tag_differences,
        tag_review.lb_tag_pictures,
        tag_review.lb_tag_accept,
        shelves.lb_look,
        shelves.lb_download,
        shelves.lb_download_stop,
        shelves.lb_download_resume,
        vocabulary.lb_complete,
    )
    board = part("tagging", calls=calls, scripts=SCRIPTS, elem_id="lb-tagging")
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: "24 of 24 tagged", or how far the tagger is."""
    view = tagging_of(place().workspace, project)
    if view and view.status.state == "running":
        return tag_work.running_text(view)
    if view and view.is_waiting:
        return "waits in the queue"
    shelf = place().shelf(project)
    return f"{shelf.captioned:,} of {len(shelf.by_id):,} tagged" if shelf.by_id else ""
