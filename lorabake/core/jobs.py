"""Jobs as the page and the command line see them: add, order, stop, resume, watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core import status
from lorabake.core.errors import JobError
from lorabake.core.files import TrashEntry, atomic_write_json, fault, move_to_trash
from lorabake.core.limits import limits
from lorabake.core.lock import is_locked
from lorabake.core.oven import KINDS
from lorabake.core.process import Child, start_detached
from lorabake.core.queue import Queue, QueueState
from lorabake.core.run import Run
from lorabake.core.status import RunStatus, read_job, read_process
from lorabake.core.turns import shared_turns
from lorabake.core.worker import JobProcess, job_process, last_word, run_job
from lorabake.core.workspace import Workspace

__all__ = [
    "JobProcess",
    "JobView",
    "ahead",
    "enqueue",
    "ensure_runner",
    "job",
    "job_process",
    "jobs",
    "move",
    "remove",
    "request_stop",
    "require_place",
    "resume",
    "run_job",
]

OVEN = "lorabake.core.oven"
_runners: list[Child] = []  # ours; kept so that the ended ones are collected


@dataclass(frozen=True)
class JobView:
    """One job in the list.

    place: names it for `Workspace.job_path`; position: 0 is next, None when it does not wait.
    """

    place: str
    kind: str
    title: str
    created: float
    folder: Path
    status: RunStatus
    position: int | None = None

    @property
    def project(self) -> str:
        return self.place.split("/")[1]

    @property
    def run(self) -> Run:
        return Run(self.folder)

    @property
    def is_waiting(self) -> bool:
        return self.position is not None

    def log_tail(self, lines: int = 40) -> str:
        return status.log_tail(self.run, lines)


def enqueue(
    workspace: Workspace,
    kind: str,
    folder: Path,
    title: str = "",
    *,
    kinds: Mapping[str, str] = KINDS,
    start: bool = True,
) -> JobView:
    """Put the job in this folder at the end of the queue, and see that somebody works on it."""
    if kind not in kinds:
        raise JobError(f'There is no kind of job "{kind}"; there are: {", ".join(kinds)}.')
    queue = Queue(workspace)
    place, run = queue.place(folder), Run(folder)
    if not folder.is_dir():
        raise JobError(f"There is no folder {folder}. Prepare the run first.")
    limits().require_room(workspace.root)
    turns = shared_turns()
    with turns.admission if turns else nullcontext(), queue.change() as state:
        found = run.status()
        active = place == state.active and not found.is_over
        if active or place in state.waiting or found.state == "running":
            raise JobError(f"{run.name} is already in the queue. Watch it under Baking.")
        limits().require_turn(_unfinished(queue, state))
        limits().require_place_in_queue(turns.waiting() if turns else len(state.waiting))
        earlier, process = read_job(run), read_process(run)
        attempt = max(earlier.attempt if earlier else 0, process.attempt if process else 0) + 1
        record = {
            "format": 1,
            "kind": kind,
            "title": title or (earlier.title if earlier else run.name),
            "created": time.time(),
            "attempt": attempt,
        }
        with suppress(FileNotFoundError):
            run.stop_path.unlink()
        atomic_write_json(run.job_path, record)
        fault("job_written")
        state.waiting.append(place)
        state.recent = [other for other in state.recent if other != place]
    if start:
        ensure_runner(workspace)
    return job(workspace, place)


def require_place(workspace: Workspace) -> None:
    """JobError when no job would be taken now; asked before much is made ready for one."""
    queue, turns = Queue(workspace), shared_turns()
    state = queue.read()
    limits().require_turn(_unfinished(queue, state))
    limits().require_place_in_queue(turns.waiting() if turns else len(state.waiting))


def ahead(workspace: Workspace) -> int:
    """Jobs of other people that come before the first one that waits here."""
    turns = shared_turns()
    return turns.ahead(workspace) if turns else 0


def resume(
    workspace: Workspace, folder: Path, *, kinds: Mapping[str, str] = KINDS, start: bool = True
) -> JobView:
    """Queue a job again that failed, was stopped or was interrupted."""
    run = Run(folder)
    found = read_job(run)
    if found is None:
        raise JobError(f"{run.name} was never begun, so it cannot be resumed. Start it instead.")
    if not run.status().can_resume:
        raise JobError(f"{run.name} is {run.status().state}, so there is nothing to resume.")
    return enqueue(workspace, found.kind, folder, found.title, kinds=kinds, start=start)


def request_stop(workspace: Workspace, folder: Path) -> None:
    """Ask a job to finish its step, save and leave; the runner insists after 30 s and after 60 s.

    One that waits leaves the queue at once, and can be resumed.
    """
    queue, run = Queue(workspace), Run(folder)
    place = queue.place(folder)
    if run.status().is_over:
        raise JobError(f"{run.name} is not running, so there is nothing to stop.")
    with queue.change() as state:
        if not run.stop_path.exists():  # its time counts: from the first wish on
            run.stop_path.touch()
        if place in state.waiting:
            state.waiting.remove(place)
            state.remember(place)
            waited = read_job(run)
            last_word(run, waited.attempt if waited else 0, "stopped", step=0)
    ensure_runner(workspace)


def remove(workspace: Workspace, folder: Path) -> TrashEntry | None:
    """Take a job off the list.

    One that waits and has never run goes to the trash with its folder, which can be undone; what a
    run has already made stays where it is. One that ended only leaves the list.
    """
    queue = Queue(workspace)
    place, run = queue.place(folder), Run(folder)
    with queue.change() as state:
        if place == state.active or status.is_running(run):
            raise JobError(f"{run.name} is being worked on. Stop it first.")
        waited = place in state.waiting
        state.waiting = [other for other in state.waiting if other != place]
        state.recent = [other for other in state.recent if other != place]
        if not waited:
            return None
        process = read_process(run)
        if process is None and not run.checkpoints():
            project = workspace.project(place.split("/")[1])
            return move_to_trash(folder, project.trash_dir)
        found = read_job(run)
        if found and process:  # as before it was queued again
            record = {"format": 1, **vars(found), "attempt": process.attempt}
            atomic_write_json(run.job_path, record)
        state.remember(place)
        return None


def move(workspace: Workspace, folder: Path, position: int) -> None:
    """Let a waiting job be the next (0), or a later one."""
    queue = Queue(workspace)
    place = queue.place(folder)
    with queue.change() as state:
        if place not in state.waiting:
            raise JobError(f"{folder.name} is not waiting any more, so its place cannot change.")
        state.waiting.remove(place)
        state.waiting.insert(max(position, 0), place)


def jobs(workspace: Workspace) -> list[JobView]:
    """The job that is being worked on, those that wait in their order, those that ended lately."""
    queue = Queue(workspace)
    state = queue.read()
    places = [*filter(None, [state.active]), *state.waiting, *state.recent]
    views = [_view(queue, state, place) for place in dict.fromkeys(places)]
    return [view for view in views if view is not None]


def job(workspace: Workspace, place: str) -> JobView:
    """One job by its place."""
    queue = Queue(workspace)
    view = _view(queue, queue.read(), place)
    if view is None:
        raise JobError("This job is not there any more. Refresh the page.")
    return view


def ensure_runner(workspace: Workspace, *, at_start: bool = False) -> bool:
    """Start the runner unless it runs or has nothing to do; True when one was started.

    Cheap enough for every tick of the page, so that a killed runner is soon replaced.
    at_start: of the app; also looks for jobs that a crash cut off on their way into the queue.
    """
    if (turns := shared_turns()) is not None:
        turns.wake()
        return False
    _runners[:] = [runner for runner in _runners if runner.poll() is None]
    queue = Queue(workspace)
    state = queue.read()
    if not (at_start or state.waiting or state.active) or is_locked(queue.runner_lock):
        return False
    argv = [sys.executable, "-m", OVEN, str(workspace.root)]
    _runners.append(start_detached(argv, log=queue.log_path))
    return True


def _unfinished(queue: Queue, state: QueueState) -> int:
    active = bool(state.active) and not queue.run(str(state.active)).status().is_over
    return len(state.waiting) + active


def _view(queue: Queue, state: QueueState, place: str) -> JobView | None:
    run = queue.run(place)
    found = read_job(run)
    if found is None:
        return None
    return JobView(
        place=place,
        kind=found.kind,
        title=found.title,
        created=found.created,
        folder=run.folder,
        status=_status(run, state, place),
        position=state.waiting.index(place) if place in state.waiting else None,
    )


def _status(run: Run, state: QueueState, place: str) -> RunStatus:
    found = run.status()
    if found.state == "queued" and place == state.active:
        return RunStatus("running", phase="starting", stopping_for=status.stop_age(run))
    return found
