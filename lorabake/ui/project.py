"""Project: what will be learned. Pictures, their captions, and how often each folder is shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.ui import editing, pictures
from lorabake.ui.answers import message, sentence
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.roles import needs
from lorabake.ui.signals import Desk, now
from lorabake.ui.words import plural

ID = "project"
TITLE = "Project"
GUIDE = (
    "A project holds the pictures of your character, concept, style or outfits. "
    "Be descriptive and unique with your tags to minimize bleeding in your model!"
)


def build(desk: Desk) -> None:
    with gr.Row(elem_classes="lb-row"):
        name = gr.Textbox(
            label="New project",
            placeholder="hsr_kafka",
            max_length=120,
            scale=0,
            min_width=240,
            elem_id="lb-new-project",
        )
        create = gr.Button("Create project", elem_classes="lb-hug")
        sample = gr.Button(
            "Open the sample project", elem_classes="lb-hug", elem_id="lb-open-sample"
        )
    notice = part("notice")
    folders = part(
        "folders",
        calls=(pictures.lb_folders, pictures.lb_repeats, pictures.lb_reg, pictures.lb_import),
    )
    images = part(
        "images",
        calls=(editing.lb_editor, editing.lb_changes),
        scripts=("gridview",),
        elem_id="lb-images",
    )

    quiet: dict[str, Any] = {"show_progress": "hidden"}
    made = [desk.project, name, notice]
    gr.on([create.click, name.submit], create_project, [name, desk.project], made, **quiet)
    sample.click(open_sample, [desk.project], made, **quiet)
    gr.on(
        [desk.project.change, desk.dataset.change], look, [desk.project], [folders, images], **quiet
    )
    folders.changed(now, None, desk.dataset, **quiet)


@needs("upload")
def create_project(wanted: str, current: str | None) -> tuple[Any, str, list[dict[str, str]]]:
    """An empty project of that name becomes the current one."""
    try:
        if not wanted.strip():
            raise WorkspaceError("Give the new project a name, such as hsr_kafka.")
        name = place().workspace.create_project(wanted).name
    except LorabakeError as error:
        return switcher(current), wanted, [message("bad", sentence(error))]
    return switcher(name), "", []


@needs("upload")
def open_sample(current: str | None) -> tuple[Any, str, list[dict[str, str]]]:
    """The practice project, made from what is shipped if it is not there yet."""
    from lorabake.practice import SAMPLE_DIR

    try:
        name = place().workspace.create_sample_project(SAMPLE_DIR).name
    except LorabakeError as error:
        return switcher(current), "", [message("bad", sentence(error))]
    return switcher(name), "", []


def switcher(name: str | None) -> Any:
    """The header's list of projects, with this one chosen."""
    names = place().workspace.projects()
    chosen = name if name in names else (names[0] if names else None)
    return gr.Dropdown(choices=names, value=chosen)


@needs("look")
def look(project: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Tell the parts which project to show, and that it may have changed."""
    value = {"project": project or "", "tick": now()}
    return value, value


def state(project: str) -> str:
    """The title's second half: how much there is to learn from."""
    shelf = place().shelf(project)
    count = len(shelf.by_id)
    if not count:
        return "no pictures yet"
    bare = count - shelf.captioned
    text = plural(count, "picture")
    return f"{text}, {bare} without a caption" if bare else text
