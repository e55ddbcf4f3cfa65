"""The worker's end of a job: holds its lock, hears "stop", and always says a last word."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from lorabake.core.errors import JobError, LorabakeError, Stopped
from lorabake.core.events import EventType, EventWriter
from lorabake.core.files import atomic_write_json
from lorabake.core.lock import FileLock, machine_lock
from lorabake.core.process import this_process
from lorabake.core.run import Run
from lorabake.core.status import is_unclaimed, read_job, read_process

EXIT_FINISHED, EXIT_FAILED, EXIT_BUSY, EXIT_STOPPED = 0, 1, 75, 130
ATTEMPT_VARIABLE = "LORABAKE_ATTEMPT"  # which attempt the runner means the process to be
_BUSY = "Another process is already working on this job. Watch it under Baking."
_LOOK_FOR_STOP = 0.2  # seconds between two looks for the stop file
BUG = "Something went wrong that lorabake did not expect. The details below belong into a report of it."


class BusyError(JobError):
    """Another process works on this job already."""


class JobProcess:
    """What a worker has while it works.

    result: what the event `finished` will say.
    """

    def __init__(self, run: Run, events: EventWriter) -> None:
        self.run = run
        self.events = events
        self.result: dict[str, Any] = {}
        self._asked = False
        self._look_again = 0.0

    @property
    def folder(self) -> Path:
        return self.run.folder

    def should_stop(self) -> bool:
        """Did somebody ask for it? Cheap enough to be asked at every step."""
        now = time.monotonic()
        if not self._asked and now >= self._look_again:
            self._look_again = now + _LOOK_FOR_STOP
            self._asked = self.run.stop_path.exists()
        return self._asked

    def raise_if_stopped(self) -> None:
        if self.should_stop():
            raise Stopped("Stopped, as you asked. What was done is kept.")


@contextmanager
def job_process(
    folder: Path,
    *,
    kind: str = "train",
    heavy: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[JobProcess]:
    """Be the process of the job in this folder.

    Ends with exactly one last event: `finished` with `job.result`; `stopped` for Stopped, Ctrl+C
    and termination; `failed` for anything else. The exception goes on to the caller.
    heavy: wait until no other heavy job of this user runs; `tell` is told when there is one.
    """
    run = Run(folder)
    lock = FileLock(run.lock_path)
    if not lock.acquire(timeout=2.0):  # those who only look hold it for a moment
        raise BusyError(_BUSY)
    try:
        _refuse_done(run)
        with EventWriter(run.events_path) as events, _termination_as_stopped():
            _claim(run, kind, events)
            job = JobProcess(run, events)
            with _last_word(job):
                events.write("phase", name="starting", detail="")
                with _machine(job, tell) if heavy else _nothing():
                    yield job
    finally:
        lock.release()


def run_job(
    folder: Path,
    work: Callable[[JobProcess], Mapping[str, Any] | None],
    *,
    kind: str = "train",
    heavy: bool = True,
) -> int:
    """The whole of a worker's `main`: do the work as a job, print what went wrong, give exit code."""
    try:
        with job_process(folder, kind=kind, heavy=heavy) as job:
            job.result.update(work(job) or {})
    except BusyError as error:
        return _leave(str(error), EXIT_BUSY)
    except (Stopped, KeyboardInterrupt):
        return _leave("Stopped.", EXIT_STOPPED)
    except LorabakeError as error:
        return _leave(str(error), EXIT_FAILED)
    except Exception:
        return _leave(traceback.format_exc(), EXIT_FAILED)
    return EXIT_FINISHED


def last_word(run: Run, attempt: int, word: EventType, **data: object) -> None:
    """On behalf of a process that could not say it. Takes the lock, so that nobody else writes."""
    lock = FileLock(run.lock_path)
    if not lock.acquire(timeout=2.0):
        return
    try:
        with EventWriter(run.events_path) as events:
            if is_unclaimed(run, attempt):
                offset = run.events_path.stat().st_size
                nobody = {"pid": 0, "pid_started": "", "boot_id": ""}
                claim(run, attempt=attempt, events_offset=offset, process=nobody)
            events.write(word, **data)
    finally:
        lock.release()


def claim(run: Run, *, attempt: int, events_offset: int, process: Mapping[str, object]) -> None:
    """Write down who works on which attempt. Only for the holder of the job's lock."""
    record = {
        "attempt": attempt,
        "started": time.time(),
        "events_offset": events_offset,
        **process,
    }
    atomic_write_json(run.process_path, record)


def _claim(run: Run, kind: str, events: EventWriter) -> None:
    job = read_job(run)
    if not is_unclaimed(run):  # started by hand, outside of the queue: an old wish to stop is over
        with suppress(OSError):
            run.stop_path.unlink()
    if job is None:
        record = {
            "format": 1,
            "kind": kind,
            "title": run.name,
            "created": time.time(),
            "attempt": 1,
        }
        atomic_write_json(run.job_path, record)
    offset = run.events_path.stat().st_size
    claim(run, attempt=job.attempt if job else 1, events_offset=offset, process=this_process())


def _refuse_done(run: Run) -> None:
    """Two processes can be started for one attempt when a runner is killed: the later one goes."""
    process = read_process(run)
    wanted = os.environ.get(ATTEMPT_VARIABLE, "")
    if process and wanted.isdecimal() and process.attempt >= int(wanted):
        raise BusyError(_BUSY)


@contextmanager
def _last_word(job: JobProcess) -> Iterator[None]:
    try:
        yield
    except (Stopped, KeyboardInterrupt) as error:
        _say(job, "stopped", step=job.events.last_step, text=str(error))
        raise
    except LorabakeError as error:
        _say(job, "failed", text=str(error), details="")
        raise
    except BaseException as error:
        if isinstance(error, MemoryError):
            text = (
                "The computer ran out of memory. Close other programs, or choose smaller settings."
            )
        else:
            text = BUG
        _say(job, "failed", text=text, details=traceback.format_exc()[-8000:])
        raise
    else:
        job.events.write("finished", **job.result)


def _say(job: JobProcess, word: EventType, **data: Any) -> None:
    """A last word after a failure: when even that fails, the first failure stays the one to see."""
    with suppress(Exception):
        job.events.write(word, **data)


@contextmanager
def _machine(job: JobProcess, tell: Callable[[str], None]) -> Iterator[None]:
    lock = machine_lock()
    waiting = False
    try:
        while not lock.acquire(timeout=0.5):
            if not waiting:
                job.events.write("phase", name="waiting", detail="another lorabake is baking")
                tell("Waiting: another lorabake is baking on this computer.")
                waiting = True
            job.raise_if_stopped()
        yield
    finally:
        lock.release()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _termination_as_stopped() -> Iterator[None]:
    """SIGTERM raises Stopped where the work is, so that it leaves as if it had been asked."""

    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a process forked from the worker
            os._exit(EXIT_STOPPED)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the rest is leaving
        raise Stopped("Stopped, because the process was told to end. What was saved is kept.")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    return code
