"""How panels tell each other "project", "dataset changed" and "runs changed" without meeting.

Each signal is a hidden text box whose value changes; whoever cares listens to its `change`. It is not
`gr.State`, which makes every tab hold a stream, so that the sixth tab stalls.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gradio as gr


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


def now() -> str:
    """A value that no earlier signal had."""
    return str(time.monotonic_ns())
