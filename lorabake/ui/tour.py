"""Your first LoRA: how far a newcomer has come with the sample project."""

from __future__ import annotations

from collections.abc import Iterable

from lorabake.core.run import Run
from lorabake.core.workspace import Project, Workspace
from lorabake.grid.handover.job import RECORD

SAMPLE = "practice"  # the name of the sample project
STEPS = ("sample", "bake", "grid", "use")


def tour(workspace: Workspace, name: str) -> list[str] | None:
    """Which of STEPS are done, for a tab that shows the project `name` ("" for none).

    None where nobody begins: a project of one's own is open.
    """
    if not name:
        return None if workspace.projects() else []
    if name != SAMPLE:
        return None
    project = workspace.project(name)
    runs = project.runs()
    done = {
        "sample": True,
        "bake": any(run.status().state == "finished" for run in runs if run.recipe_path.exists()),
        "grid": any(run.grid_dir.is_dir() for run in runs),
        "use": _was_used(project),
    }
    return [step for step in STEPS if done[step]]


def _was_used(project: Project) -> bool:
    return any(run.status().state == "finished" for run in _handed_over(project.jobs()))


def _handed_over(jobs: Iterable[Run]) -> Iterable[Run]:
    return (run for run in jobs if (run.folder / RECORD).exists())
