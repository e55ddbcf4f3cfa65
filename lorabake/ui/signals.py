"""How panels tell each other "project", "dataset changed" and "runs changed" without meeting.

Each signal is a hidden text box whose value changes; whoever cares listens to its `change`. It is not
`gr.State`, which makes every tab hold a stream, so that the sixth tab stalls.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lorabake.ui.roles import needs


@dataclass(frozen=True)
class Desk:
    """What every panel gets: the project's name, and the signals.

    project: the header's switcher; dataset, runs: hidden, any new value says "look again".
    """

    project: gr.Dropdown
    dataset: gr.Textbox
    runs: gr.Textbox


def signal(name: str) -> gr.Textbox:
    return gr.Textbox(value="", label=name, visible="hidden", elem_id=f"lb-signal-{name}")


def follow(desk: Desk, *boards: Any, tells: bool = True) -> None:
    """Show the desk's project in these parts, and again when the data set changed.

    tells: a part's own `changed` is passed on to the others.
    """
    for board in boards:
        gr.on(
            [desk.project.change, desk.dataset.change],
            look,
            desk.project,
            board,
            show_progress="hidden",
        )
        if tells:
            board.changed(now, None, desk.dataset, show_progress="hidden")


@needs("look")
def look(project: str | None) -> dict[str, str]:
    """Tell a part which project to show, and that it may have changed."""
    return {"project": project or "", "tick": now()}


@needs("look")
def now() -> str:
    """A value that no earlier signal had."""
    return str(time.monotonic_ns())
