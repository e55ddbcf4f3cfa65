"""How a job stands, read from its folder alone: nobody needs to be running to know it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from lorabake.core.errors import WorkspaceError
from lorabake.core.events import Event, read_head, read_tail
from lorabake.core.files import read_json
from lorabake.core.lock import is_locked
from lorabake.core.process import is_process
from lorabake.core.run import Run

_LARGEST = 2**60  # of a number in an event; nothing counts that far

State = Literal["new", "queued", "running", "finished", "failed", "stopped", "interrupted"]

INTERRUPTED = (
    "The job ended without a last word: it was killed, or the computer went off or ran out of memory. "
    "Resume goes on from the last state that was saved."
)


@dataclass(frozen=True)
class RunStatus:
    """How a job stands.

    text: a sentence when it failed or was interrupted, else ""; details: for a report of the bug.
    stopping_for: seconds since somebody asked it to stop, while it still runs.
    seconds_left: for the steps that are left, from the pace of the last ones.
    """

    state: State
    text: str = ""
    details: str = ""
    phase: str = ""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    loss_average: float | None = None
    seconds_left: float | None = None
    started: float | None = None
    ended: float | None = None
    stopping_for: float | None = None

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "failed", "stopped", "interrupted")

    @property
    def can_resume(self) -> bool:
        return self.state in ("failed", "stopped", "interrupted")


@dataclass(frozen=True)
class JobFile:
    """job.json: what the queue was asked for. attempt: 1, and one more each time it is resumed."""

    kind: str
    title: str
    created: float
    attempt: int


@dataclass(frozen=True)
class ProcessFile:
    """process.json: who works, or worked last, on which attempt; its events begin at a byte."""

    attempt: int
    pid: int
    pid_started: str
    boot_id: str
    started: float
    events_offset: int

    @property
    def is_alive(self) -> bool:
        return is_process(self.pid, self.pid_started, self.boot_id)


def read_job(run: Run) -> JobFile | None:
    record = _record(run.job_path)
    try:
        return JobFile(
            kind=str(record["kind"]),
            title=str(record["title"])[:200],
            created=float(record["created"]),
            attempt=int(record["attempt"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def read_process(run: Run) -> ProcessFile | None:
    record = _record(run.process_path)
    try:
        return ProcessFile(
            attempt=int(record["attempt"]),
            pid=int(record["pid"]),
            pid_started=str(record["pid_started"]),
            boot_id=str(record["boot_id"]),
            started=float(record["started"]),
            events_offset=int(record["events_offset"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def is_unclaimed(run: Run, attempt: int | None = None) -> bool:
    """Asked for (the last time, or that time), and no process has taken it up yet."""
    job, process = read_job(run), read_process(run)
    if job is None:
        return False
    return process is None or process.attempt < (attempt or job.attempt)


def is_running(run: Run) -> bool:
    """Its lock is held, and by the very process that wrote itself down."""
    process = read_process(run)
    return process is not None and process.is_alive and is_locked(run.lock_path)


def read_status(run: Run) -> RunStatus:
    job, process = read_job(run), read_process(run)
    if process is None or (job is not None and process.attempt < job.attempt):
        return RunStatus("queued" if job else "new")
    running = is_running(run)  # asked first: a job that ends now has then said its last word
    events = read_tail(run.events_path, process.events_offset)
    if running and not (events and events[-1].is_last_word):
        return RunStatus(
            "running",
            started=process.started,
            stopping_for=stop_age(run),
            **_progress(run, process, events),
        )
    return _ended(run, process, events)


def stop_age(run: Run) -> float | None:
    """Seconds since the job was asked to stop; None when nobody did."""
    try:
        return max(time.time() - run.stop_path.stat().st_mtime, 0.0)
    except OSError:
        return None


def log_tail(run: Run, lines: int = 40) -> str:
    """The last lines of what the worker printed; of a progress bar, its last state."""
    try:
        with run.log_path.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 32 * 1024, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    kept = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join([line for line in kept if line.strip()][-lines:])


def _ended(run: Run, process: ProcessFile, events: Sequence[Event]) -> RunStatus:
    progress = _progress(run, process, events)
    progress["seconds_left"] = None
    last = events[-1] if events else None
    ended = last.time if last else process.started
    if last and last.is_last_word:
        text, details = str(last.data.get("text", "")), str(last.data.get("details", ""))
        state: State = last.type  # type: ignore[assignment]
    else:
        stopped = run.stop_path.exists()
        state, text, details = ("stopped", "", "") if stopped else ("interrupted", INTERRUPTED, "")
    return RunStatus(
        state, text=text, details=details, started=process.started, ended=ended, **progress
    )


def _progress(run: Run, process: ProcessFile, events: Sequence[Event]) -> dict[str, Any]:
    steps = [event for event in events if event.type == "step"]
    phases = [event for event in events if event.type == "phase"]
    cells = [event for event in events if event.type == "cell"]
    plan = _plan(run, process)
    found: dict[str, Any] = {
        "steps": _number(plan, "steps"),
        "epochs": _number(plan, "epochs"),
        "phase": str(phases[-1].data.get("name", "")) if phases else "",
    }
    if steps:
        last = steps[-1].data
        average = last.get("loss_average")
        found |= {"step": _number(last, "step"), "epoch": _number(last, "epoch")}
        found["loss_average"] = average if isinstance(average, float) else None
        found["seconds_left"] = _seconds_left(steps, found["steps"])
    elif cells:
        last = cells[-1].data
        found |= {"step": _number(last, "done"), "steps": _number(last, "total")}
    return found


def _plan(run: Run, process: ProcessFile) -> Mapping[str, Any]:
    for event in read_head(run.events_path, process.events_offset):
        if event.type == "plan":
            return event.data
    return {}


def _seconds_left(steps: Sequence[Event], total: int) -> float | None:
    """From the median pace, which a nap of the computer does not change."""
    paces = [
        (later.time - earlier.time) / taken
        for earlier, later in pairwise(steps)
        if (taken := _number(later.data, "step") - _number(earlier.data, "step")) > 0
    ]
    if not paces:
        return None
    return max(total - _number(steps[-1].data, "step"), 0) * max(statistics.median(paces), 0.0)


def _number(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key, 0)
    usable = isinstance(value, int | float) and abs(value) < _LARGEST
    return int(value) if usable else 0


def _record(path: Path) -> dict[str, Any]:
    with suppress(OSError, WorkspaceError):
        record = read_json(path)
        if isinstance(record, dict):
            return record
    return {}
