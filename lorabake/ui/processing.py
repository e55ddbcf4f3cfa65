"""Process tags: change all captions at once, seen before and undone after."""

from __future__ import annotations

from typing import Any

import gradio as gr

from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.processing_do import (
    lb_process_apply,
    lb_process_past,
    lb_process_redo,
    lb_process_undo,
)
from lorabake.ui.processing_look import lb_process_preview, lb_process_rows
from lorabake.ui.processing_recipes import (
    lb_process,
    lb_process_carry,
    lb_process_clear,
    lb_process_delete,
    lb_process_load,
    lb_process_restore,
    lb_process_save,
)
from lorabake.ui.processing_tags import lb_bleeds, lb_exclusive, lb_tags, state
from lorabake.ui.roles import needs
from lorabake.ui.signals import Desk, follow
from lorabake.ui.vocabulary import build_lists, lb_complete

__all__ = ["GUIDE", "ID", "TITLE", "build", "state"]

ID = "processing"
TITLE = "Process tags"
GUIDE = (
    "Type a trigger word into “Tags to add”, and what you do not want to teach into “Tags to remove”. "
    "You see what would change in every caption before anything is written, and one undo brings it "
    "all back."
)


def build(desk: Desk) -> None:
    processing = part(
        "processing",
        calls=(
            *(lb_process, lb_process_preview, lb_process_rows, lb_process_apply),
            *(lb_process_past, lb_process_undo, lb_process_redo),
            *(lb_process_save, lb_process_load, lb_process_delete, lb_process_restore),
            *(lb_process_carry, lb_process_clear, lb_complete),
        ),
        scripts=(
            *("completion", "processing_list", "processing_diff", "processing_form"),
            *("processing_past", "processing_recipes"),
        ),
        elem_id="lb-processing",
    )
    tags = part(
        "processing_tags",
        calls=(lb_tags, lb_bleeds, lb_exclusive),
        scripts=("processing_list",),
        elem_id="lb-tags",
    )
    build_lists(desk)

    follow(desk, processing)
    follow(desk, tags, tells=False)
    processing.visit(visited, [processing, desk.project], desk.project, show_progress="hidden")


@needs("look")
def visited(value: Any, current: str | None) -> Any:
    """Switch to the project that the part asks for."""
    names = place().workspace.projects()
    wanted = value.get("go") if isinstance(value, dict) else None
    return gr.Dropdown(choices=names, value=wanted if wanted in names else current)
