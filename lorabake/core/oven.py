"""The runner: works off a workspace's queue, one job after the other, and goes when it is empty.

`python -m lorabake.core.oven WORKSPACE`, started by core/jobs.py and detached from it. Killed at
any moment, it leaves nothing stuck: jobs are processes of their own, and the next runner takes up
what it finds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lorabake.core.errors import LorabakeError
from lorabake.core.events import read_tail
from lorabake.core.files import fault
from lorabake.core.limits import limits
from lorabake.core.lock import FileLock
from lorabake.core.process import (
    Child,
    end_process,
    process_started,
    start_detached,
    this_process,
    wait_for,
)
from lorabake.core.queue import Queue
from lorabake.core.run import Run
from lorabake.core.status import (
    is_running,
    is_unclaimed,
    log_tail,
    read_job,
    read_process,
    stop_age,
)
from lorabake.core.worker import ATTEMPT_VARIABLE, EXIT_BUSY, last_word
from lorabake.core.workspace import Workspace

# The only modules a job may be. A job's file names a key of these, never a module.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "train": "lorabake.train",
        "grid": "lorabake.grid",
        "verdict": "lorabake.grid.verdict",
        "tag": "lorabake.tag",
        "grab": "lorabake.collect",
        "enhance": "lorabake.enhance",
    }
)

DIED_EARLY = "The job ended before it began to work. The last lines of its log say why."
DIED_SILENT = "The job ended without saying why. The last lines of its log may."

OVERTIME = "It took {seconds} s, which is as long as a job may take here. What it saved is kept."


@dataclass(frozen=True)
class Patience:
    """Seconds. terminate, kill: after the wish to stop; look: between two looks at a job.

    work: after which a job is asked to stop, as somebody would on the page; None for never.
    """

    terminate: float = 30.0
    kill: float = 60.0
    look: float = 0.3
    work: float | None = None


class Oven:
    """One runner of one workspace."""

    def __init__(self, workspace: Workspace, kinds: Mapping[str, str], patience: Patience) -> None:
        self.queue = Queue(workspace)
        self.kinds = kinds
        self.patience = patience

    def work(self) -> None:
        """Until the queue is empty; at once when another runner is at it."""
        lock = FileLock(self.queue.runner_lock)
        if not lock.acquire(timeout=1.0):
            return
        try:
            self.queue.recover()
            self._take_up()
            while True:
                with self.queue.change() as state:
                    if not state.waiting:
                        # Given back under the mutex: whoever adds a job after this sees that
                        # no runner is there, and starts one.
                        lock.release()
                        return
                    state.active = place = state.waiting.pop(0)
                    state.active_process = {}
                fault("oven_taken")
                self._bake(place)
        finally:
            lock.release()

    def _take_up(self) -> None:
        """What a runner that was killed has left: a job that still works, or one to begin again."""
        state = self.queue.read()
        if not state.active:
            return
        run, started = self.queue.run(state.active), state.active_process
        while state.active_is_alive or is_running(run):
            self._push_to_stop(run, int(started.get("pid", 0)))
            time.sleep(self.patience.look)
        job = read_job(run)
        if job and not started and is_unclaimed(run):
            with self.queue.change() as changed:  # taken, and not yet started
                changed.waiting.insert(0, state.active)
                changed.active = None
            return
        self._settle(run, int(started.get("attempt", job.attempt if job else 0)), None)

    def _bake(self, place: str) -> None:
        run = self.queue.run(place)
        job = read_job(run)
        attempt = job.attempt if job else 0
        if job is None or job.kind not in self.kinds:
            text = "This job's file (job.json) is damaged. Begin it anew."
            last_word(run, attempt, "failed", text=text)
        elif run.stop_path.exists():
            last_word(run, attempt, "stopped", step=0)
        elif not is_running(run):
            self._start_and_watch(run, [*self._argv(job.kind), str(run.folder)], attempt)
            return
        self._watch_stranger(run)
        self._settle(run, attempt, None)

    def _argv(self, kind: str) -> list[str]:
        return [sys.executable, "-m", self.kinds[kind]]

    def _start_and_watch(self, run: Run, argv: Sequence[str], attempt: int) -> None:
        resume = ["--resume"] if attempt > 1 else []
        try:
            child = start_detached(
                [*argv, *resume], log=run.log_path, extra={ATTEMPT_VARIABLE: str(attempt)}
            )
        except OSError as error:
            text = f"The job could not be started ({error.strerror})."
            last_word(run, attempt, "failed", text=text)
            return self._settle(run, attempt, None)
        fault("oven_started")
        with self.queue.change() as state:
            started = {"pid": child.pid, "pid_started": process_started(child.pid) or ""}
            state.active_process = {**this_process(), **started, "attempt": attempt}
        fault("oven_recorded")
        code = self._watch(run, child)
        if code == EXIT_BUSY:  # somebody else works on it already: let them
            self._watch_stranger(run)
            return self._settle(run, attempt, None)
        return self._settle(run, attempt, code)

    def _watch(self, run: Run, child: Child) -> int:
        begun, longest = time.monotonic(), self.patience.work
        while (code := wait_for(child, self.patience.look)) is None:
            if longest is not None and time.monotonic() - begun >= longest:
                with suppress(FileExistsError), run.stop_path.open("x", encoding="utf-8") as file:
                    file.write(OVERTIME.format(seconds=round(longest)))
                longest = None
            self._push_to_stop(run, child.pid)
        return code

    def _watch_stranger(self, run: Run) -> None:
        """A job that some other process started: a killed runner, or a person."""
        while is_running(run):
            process = read_process(run)
            self._push_to_stop(run, process.pid if process else 0)
            time.sleep(self.patience.look)

    def _push_to_stop(self, run: Run, pid: int) -> None:
        age = stop_age(run)
        if age is None or pid <= 0:
            return
        if age >= self.patience.kill:
            end_process(pid, force=True)
        elif age >= self.patience.terminate:
            end_process(pid, force=False)

    def _settle(self, run: Run, attempt: int, code: int | None) -> None:
        """The job's process is gone: see to it that its folder tells how it ended."""
        process = read_process(run)
        if is_unclaimed(run, attempt):
            last_word(run, attempt, "failed", text=DIED_EARLY, details=log_tail(run))
        elif process and process.attempt == attempt:
            events = read_tail(run.events_path, process.events_offset)
            if not (events and events[-1].is_last_word):
                if run.stop_path.exists():
                    step = _last_step(run, process.events_offset)
                    last_word(run, attempt, "stopped", step=step)
                elif code is not None and 0 <= code < 128:
                    last_word(run, attempt, "failed", text=DIED_SILENT, details=log_tail(run))
                # else killed from outside: "interrupted", which resuming cures
        with self.queue.change() as state:
            state.finish_active()


def _last_step(run: Run, since: int) -> int:
    steps = [event for event in read_tail(run.events_path, since) if event.type == "step"]
    return int(steps[-1].data.get("step", 0)) if steps else 0


def main(
    arguments: Sequence[str],
    *,
    kinds: Mapping[str, str] = KINDS,
    patience: Patience | None = None,
) -> int:
    try:
        workspace = Workspace.open(Path(arguments[0]))
        Oven(workspace, kinds, patience or Patience(work=limits().job_seconds)).work()
    except LorabakeError as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
