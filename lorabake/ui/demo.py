"""The demo: the page for many strangers at once, such as on a Hugging Face Space. See docs/space.md.

Nobody is the owner here. Each visitor works in a workspace of their own (`visitors`), all jobs are worked
off one after the other by this process (`core/turns.py`), and what a demo may not do at all is in
`core/limits.py`.
"""

from __future__ import annotations

import os
from typing import Any

from lorabake.core.files import MIB
from lorabake.core.limits import limits
from lorabake.core.oven import Patience
from lorabake.core.turns import Turns, share_turns
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf.places import ELSEWHERE_VARIABLE
from lorabake.ui.answers import answered
from lorabake.ui.place import open_places
from lorabake.ui.porch import DemoGate
from lorabake.ui.roles import who
from lorabake.ui.visitors import Visitors, open_visitors, visitors
from lorabake.ui.words import plural

# What a section says first, because some of it is not there in the demo.
NOTES = {
    "grabber": (
        "Not in the demo: it asks no board and takes no keys. "
        "Your own pictures are dropped into the project above."
    ),
    "improving": "In the demo there are no upscaler models; what needs none can be tried.",
    "oven": (
        "The demo bakes with the practice model only, for at most {minutes}. "
        "Models are downloaded and found in a lorabake of your own."
    ),
    "baking": "In the demo one bake runs at a time, and each visitor has one; others wait their turn.",
    "ready": "Handing a file over to other programs or to the Hub is not possible in the demo.",
}
WITHOUT = frozenset({"grabber"})  # sections of which nothing works
STOPPING = Patience(terminate=4.0, kill=8.0)


def open_demo(workspace: Workspace, host: str = "") -> tuple[DemoGate, Visitors]:
    """Make this process the demo. workspace: its own, below which the visitors' lie."""
    os.environ[ELSEWHERE_VARIABLE] = "0"
    found = Visitors(workspace.root / "visitors")
    patience = Patience(STOPPING.terminate, STOPPING.kill, STOPPING.look, limits().job_seconds)
    found.turns = Turns(found.workspaces, patience)
    share_turns(found.turns)
    open_places(found.place)
    open_visitors(found)
    found.keep_sweeping()
    return DemoGate(found, host), found


def note_of(section: str) -> str:
    """What a section says first; "" outside of the demo and where all is there."""
    if limits().visitors is None:
        return ""
    return NOTES.get(section, "").format(minutes=_span(limits().job_seconds))


def is_left_out(section: str) -> bool:
    return limits().visitors is not None and section in WITHOUT


@answered("look")
def lb_demo(_: dict[str, Any]) -> dict[str, Any]:
    """{} → {idle, mb, seconds}: what the banner tells."""
    most = limits()
    return {
        "idle": _span(most.idle),
        "mb": (most.disk or 0) // MIB,
        "job": _span(most.job_seconds),
        "files": most.upload_files,
        "file": most.upload_file // MIB,
    }


@answered("edit")
def lb_demo_leave(_: dict[str, Any]) -> dict[str, Any]:
    """End the visit: everything of it is deleted now."""
    visitors().leave(who())
    return {}


def _span(seconds: float | None) -> str:
    minutes = round((seconds or 0) / 60)
    return plural(minutes, "minute") if minutes < 60 else plural(minutes // 60, "hour")


CALLS = (lb_demo, lb_demo_leave)
