"""What the page asks every second or two: the next step, the titles, the device, the queue."""

from __future__ import annotations

from typing import Any

from lorabake.ui import oven
from lorabake.ui import project as project_panel
from lorabake.ui.answers import answered, text
from lorabake.ui.place import place


@answered
def lb_pulse(data: dict[str, Any]) -> dict[str, Any]:
    name = text(data, "project", limit=200)
    known = name in place().workspace.projects()
    return {
        "device": "",
        "next": {
            "text": "Start with a project of your own, or look around in the sample.",
            "button": "Open the sample project",
            "go": "project",
            "press": "lb-open-sample",
        },
        "titles": {
            "project": project_panel.state(name) if known else "",
            "oven": oven.state(name) if known else "",
        },
        "progress": None,
        "busy": False,
    }
