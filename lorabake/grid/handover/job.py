"""Handing over, and looking into files, as the page does it: in a process of its own, which a bake in
the queue does not hold up.

Its folder lies in the project's jobs: `handover.json` says what was asked, the last event what came
of it. No torch here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lorabake.core.errors import GridError, JobError
from lorabake.core.events import read_tail
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.process import Child, start_detached
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.status import read_job
from lorabake.core.workspace import Project, Workspace
from lorabake.grid.handover.choice import Choice, choose
from lorabake.grid.handover.folders import Placed, take_back
from lorabake.grid.handover.settings import HandoverSettings

KIND = "export"
MODULE = "lorabake.grid.handover"
RECORD = "handover.json"
BACK = "taken-back.json"
START = 60.0  # seconds in which a process of another page must have begun
DIED = "It ended before it began. Its log tells why: {log}"
_children: dict[Path, Child] = {}  # ours, by the folder of their job


@dataclass(frozen=True)
class Asked:
    """What a job was asked for. upload: "" or OWNER/NAME on Hugging Face."""

    choice: Choice
    settings: HandoverSettings
    folder: Path
    upload: str = ""
    private: bool = True


@dataclass(frozen=True)
class State:
    """How it stands. text: what it does, or why it failed; result: of HandedOver, {} until then."""

    state: str
    text: str
    result: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        return self.state not in ("new", "queued", "running")

    @property
    def placed(self) -> list[Placed]:
        return [
            Placed(Path(one["path"]), str(one["sha256"]), bool(one["new"]))
            for one in self.result.get("placed", [])
        ]


def start(workspace: Workspace, project: Project, asked: Asked) -> Run:
    """Begin; the job's folder."""
    record = {
        "format": 1,
        "workspace": str(workspace.root),
        "project": project.name,
        "run": asked.choice.run.name,
        "grid": asked.choice.cell.picture.parent.name if asked.choice.cell else "",
        "picture": asked.choice.cell.picture.name if asked.choice.cell else "",
        "epoch": asked.choice.epoch,
        "weight": asked.choice.weight,
        "settings": to_mapping(asked.settings),
        "folder": str(asked.folder),
        "upload": asked.upload,
        "private": asked.private,
    }
    # The page works offline; who asked for an upload asked to go out.
    online = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"} if asked.upload else {}
    return _start(project, record, asked.settings.name, online)


def start_look(project: Project, file: Path) -> Run:
    """Begin to look into a LoRA file; the last event says what it is."""
    return _start(project, {"format": 1, "look": str(file)}, file.name, {})


def _start(
    project: Project, record: Mapping[str, Any], title: str, environment: Mapping[str, str]
) -> Run:
    run = project.create_job(KIND)
    atomic_write_json(run.folder / RECORD, record)
    job = {"format": 1, "kind": KIND, "title": title, "created": time.time(), "attempt": 1}
    atomic_write_json(run.job_path, job)
    for child in _children.values():
        child.poll()  # so that the ended ones are collected
    argv = [sys.executable, "-m", MODULE, str(run.folder)]
    _children[run.folder] = start_detached(argv, log=run.log_path, extra=environment)
    return run


def file_to_look_into(folder: Path) -> Path | None:
    """What `start_look` was asked for; None for another job."""
    record = read_json(folder / RECORD)
    look = record.get("look") if isinstance(record, dict) else None
    return Path(look) if isinstance(look, str) else None


def read_asked(folder: Path) -> Asked:
    """What `start` wrote; GridError when it is damaged."""
    try:
        record = cast("dict[str, Any]", read_json(folder / RECORD))
        workspace = Workspace(Path(record["workspace"]))
        run = workspace.project(record["project"]).run(record["run"])
        epoch, weight, grid = int(record["epoch"]), float(record["weight"]), str(record["grid"])
        picture = str(record.get("picture", ""))
        settings = from_mapping(HandoverSettings, record["settings"])
        target = Path(record["folder"])
        upload, private = str(record["upload"]), bool(record["private"])
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise GridError(f"{RECORD} is damaged ({error}). Press the button again.") from error
    return Asked(choose(run, epoch, weight, grid, picture), settings, target, upload, private)


def read_state(project: Project, name: str) -> State:
    """How a job stands; JobError when there is no such job."""
    run = _job(project, name)
    gone = _is_gone(run)  # asked first: what ends now has then said its last word
    status, result, text = run.status(), {}, ""
    for event in read_tail(run.events_path):
        if event.type == "note":
            text = str(event.data.get("text", ""))
        elif event.type == "finished":
            result = dict(event.data)
    if status.state in ("failed", "interrupted", "stopped"):
        text = status.text or "It was stopped."
    state = "taken back" if (run.folder / BACK).exists() else str(status.state)
    if state == "queued" and gone:
        return State("failed", DIED.format(log=run.log_path), {})
    return State(state, text, result)


def undo(project: Project, name: str) -> list[Path]:
    """Move the files of a job into the project's trash; those that went."""
    state, run = read_state(project, name), _job(project, name)
    if state.state != "finished":
        raise JobError("There is nothing to take back.")
    gone = take_back(project, state.placed)
    atomic_write_json(run.folder / BACK, {"format": 1, "files": [str(path) for path in gone]})
    return gone


def _is_gone(run: Run) -> bool:
    """Its process has ended; of a process that an earlier page started, it had time to begin."""
    child = _children.get(run.folder)
    if child is not None:
        return child.poll() is not None
    job = read_job(run)
    return job is not None and time.time() - job.created > START


def _job(project: Project, name: str) -> Run:
    for run in project.jobs():
        if run.name == name and (run.folder / RECORD).is_file():
            return run
    raise JobError("This is not there any more. Press the button again.")
