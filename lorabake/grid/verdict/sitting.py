"""One measuring as a job: with lock and last word, from the queue or in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorabake.core.events import EventType
from lorabake.core.worker import JobProcess, job_process
from lorabake.core.workspace import Workspace
from lorabake.grid.verdict.asked import KIND, prepare_verdict

Tell = Callable[[str], None]


class _Told:
    """Events that are also told in a line of a log."""

    def __init__(self, job: JobProcess, tell: Tell) -> None:
        self._job = job
        self._tell = tell
        self._last = ""

    def write(self, type: EventType, **data: Any) -> None:
        self._job.events.write(type, **data)
        line = str(data["text"] if type in ("note", "warning") else data.get("detail", ""))
        if line and line != self._last:
            self._tell(line)
            self._last = line


def work(
    job: JobProcess,
    tell: Tell,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Measure the job's grid; what its last event says."""
    from lorabake.grid.verdict.work import measure  # torch from here on

    def stop() -> bool:
        return job.should_stop() or bool(should_stop and should_stop())

    record = measure(job.folder, events=_Told(job, tell), should_stop=stop)
    return {"sentence": record["sentence"], "verdict": record["verdict"]}


def measure_here(
    grid: Path,
    workspace: Workspace,
    *,
    tell: Tell,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Measure a grid in this process; the whole record."""
    from lorabake.grid.verdict.record import read_verdict

    folder = prepare_verdict(grid, workspace)
    with job_process(folder, kind=KIND, tell=tell) as job:
        job.result.update(work(job, tell, should_stop))
    record = read_verdict(grid)
    assert record is not None, "measuring ended well without a record"
    return record
