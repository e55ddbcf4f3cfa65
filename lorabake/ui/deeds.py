"""What people who are not the owner have changed, for the owner to see.

Captions are in the journal of the data set, with the name of who did it; this list also holds the
settings and the stopped jobs. It lives as long as this process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lorabake.ui.roles import Person

KEPT = 200
TOGETHER = 60.0  # seconds in which the same thing counts once

# The section in which a module's changes are found.
SECTIONS = {
    "bakes": "Baking",
    "concept_balance": "Concepts",
    "concept_do": "Concepts",
    "concept_subject": "Concepts",
    "curate_view": "Curating",
    "dup_work": "Duplicates",
    "grab_choice": "Grabber",
    "grab_do": "Grabber",
    "grid_request": "Is it ready?",
    "grids": "Is it ready?",
    "improve_choice": "Improving the quality",
    "improve_work": "Improving the quality",
    "numbers": "Preparing the oven",
    "pictures": "Project",
    "processing_do": "Process tags",
    "processing_look": "Process tags",
    "processing_recipes": "Process tags",
    "recipes": "Preparing the oven",
    "tag_choice": "Generate tags",
    "tag_work": "Generate tags",
    "votes": "Is it ready?",
}
# Modules whose every change is a step of the data set's history, which tells more.
IN_THE_JOURNAL = ("concept_triggers", "editing", "inspecting", "many", "sheets", "tag_review")


@dataclass(frozen=True)
class Deed:
    """One thing that was done. section: where on the page; times: how often in a row."""

    name: str
    role: str
    section: str
    project: str
    time: float
    times: int = 1


_deeds: deque[Deed] = deque(maxlen=KEPT)
_guard = threading.Lock()


def remember_deed(person: Person, function: Callable[..., Any], data: dict[str, Any]) -> None:
    """Note it; the same again and again (somebody types) is one line."""
    module = function.__module__.rpartition(".")[2]
    if module in IN_THE_JOURNAL:
        return
    section = SECTIONS.get(module, module.replace("_", " "))
    project = data.get("project")
    deed = Deed(
        person.name,
        person.role,
        section,
        project[:200] if isinstance(project, str) else "",
        time.time(),
    )
    with _guard:
        if _deeds:
            last = _deeds[-1]
            same = (last.name, last.section, last.project) == (deed.name, section, deed.project)
            if same and deed.time - last.time < TOGETHER:
                _deeds.pop()
                deed = Deed(deed.name, deed.role, section, deed.project, deed.time, last.times + 1)
        _deeds.append(deed)


def deeds(limit: int = 50) -> list[Deed]:
    """The newest first."""
    with _guard:
        return list(_deeds)[::-1][:limit]
