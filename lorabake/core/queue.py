"""The queue on disk: which jobs wait, in which order, and which one is being worked on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.lock import FileLock
from lorabake.core.process import is_process
from lorabake.core.run import Run
from lorabake.core.status import is_unclaimed, read_job
from lorabake.core.workspace import Workspace

_REMEMBERED = 50  # jobs that ended


@dataclass
class QueueState:
    """Places of jobs below the workspace.

    active: the one the runner has taken; active_process: the process it started for it, and for
    which attempt. recent: those that ended, the newest first.
    """

    waiting: list[str] = field(default_factory=list)
    active: str | None = None
    active_process: dict[str, Any] = field(default_factory=dict)
    recent: list[str] = field(default_factory=list)

    def finish_active(self) -> None:
        if self.active and self.active not in self.waiting:  # else it is resumed already
            self.remember(self.active)
        self.active, self.active_process = None, {}

    def remember(self, place: str) -> None:
        others = [other for other in self.recent if other != place]
        self.recent = [place, *others][:_REMEMBERED]

    @property
    def active_is_alive(self) -> bool:
        """Does the process that was started for the active job exist?"""
        process = self.active_process
        try:
            return is_process(process["pid"], process["pid_started"], process["boot_id"])
        except (KeyError, TypeError):
            return False


class Queue:
    """Reading needs no lock, because the file is replaced whole; changing takes the mutex."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.path = workspace.queue_dir / "queue.json"
        self.runner_lock = workspace.queue_dir / "runner.lock"
        self.log_path = workspace.queue_dir / "runner.log"
        self._mutex = workspace.queue_dir / "mutex"

    def read(self) -> QueueState:
        try:
            record = read_json(self.path)
        except (FileNotFoundError, WorkspaceError):
            return QueueState()
        return self._checked(record)

    @contextmanager
    def change(self) -> Iterator[QueueState]:
        """Nobody else changes the queue meanwhile; written when the block ends well."""
        with FileLock(self._mutex):
            state = self._read_or_put_aside()
            before = replace(state, waiting=[*state.waiting], recent=[*state.recent])
            yield state
            if state != before:
                atomic_write_json(self.path, {"format": 1, **vars(state)})

    def recover(self) -> None:
        """Take in jobs that were asked for but are not in the queue (cut off while being added)."""
        with self.change() as state:
            known = {*state.waiting, state.active}
            lost = []
            for project in self.workspace.projects():
                home = self.workspace.project(project)
                for run in (*home.runs(), *home.jobs()):
                    lost += [job for job in _unclaimed(run) if job[1] not in known]
            state.waiting += [place for _, place in sorted(lost)]

    def place(self, folder: Path) -> str:
        return self.workspace.job_place(folder)

    def run(self, place: str) -> Run:
        return Run(self.workspace.job_path(place))

    def _read_or_put_aside(self) -> QueueState:
        try:
            return self._checked(read_json(self.path))
        except FileNotFoundError:
            return QueueState()
        except WorkspaceError:
            self.path.replace(self.path.with_name(f"queue.json.damaged-{time.time_ns()}"))
            return QueueState()

    def _checked(self, record: object) -> QueueState:
        """Only what is a job's folder counts; the file may have been edited, or folders deleted."""
        if not isinstance(record, dict):
            return QueueState()
        active = self._places([record.get("active")])
        process = record.get("active_process")
        return QueueState(
            waiting=self._places(record.get("waiting")),
            active=active[0] if active else None,
            active_process=process if active and isinstance(process, dict) else {},
            recent=self._places(record.get("recent"))[:_REMEMBERED],
        )

    def _places(self, values: object) -> list[str]:
        places: dict[str, None] = {}
        for value in values if isinstance(values, list) else ():
            with suppress(LorabakeError, OSError):
                if isinstance(value, str) and self.run(value).job_path.is_file():
                    places[value] = None
        return list(places)


def _unclaimed(run: Run) -> Iterator[tuple[float, str]]:
    """(created, place) of this run's job, and of the grids in it, that no process took up.

    A grid's verdict is a job of its own, in a folder below it.
    """
    grids = (
        [path for path in run.grid_dir.iterdir() if path.is_dir()] if run.grid_dir.is_dir() else []
    )
    for folder in (run.folder, *grids, *(path / "verdict" for path in grids)):
        job = read_job(Run(folder))
        if job and is_unclaimed(Run(folder)):
            workspace = run.folder.parents[3]
            yield job.created, folder.relative_to(workspace).as_posix()
