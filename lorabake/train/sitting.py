"""One sitting of a bake: as a job with lock and last word, telling a log what happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lorabake.core.errors import TrainingError
from lorabake.core.events import EventType, read_events
from lorabake.core.run import Run
from lorabake.core.worker import JobProcess, job_process
from lorabake.train.loop import Events, train

Tell = Callable[[str], None]
PAUSE = 5.0  # seconds between two lines about steps


class Told:
    """Events that are also told in a line of the log, steps now and then."""

    def __init__(self, events: Events, tell: Tell) -> None:
        self._events = events
        self._tell = tell
        self._total = 0
        self._next = 0.0

    def write(self, type: EventType, **data: Any) -> None:
        self._events.write(type, **data)
        if type == "plan":
            self._total = data["total_steps"]
        line = self._line(type, data)
        if line:
            self._tell(line)

    def _line(self, type: EventType, data: dict[str, Any]) -> str:
        if type == "phase":
            return str(data["detail"]) if data.get("done") == data.get("total") else ""
        if type in ("note", "warning"):
            return str(data["text"])
        if type == "checkpoint":
            return f"Saved {data['path']} ({data['mib']:.1f} MB), mean loss {data['loss']:.4f}"
        if type == "step" and (time.monotonic() >= self._next or data["step"] == self._total):
            self._next = time.monotonic() + PAUSE
            return (
                f"Epoch {data['epoch']} · step {data['step']} of {self._total} · "
                f"{data['seconds']:.2g} s/step · loss {data['loss_average']:.4f}"
            )
        return ""


def work(
    job: JobProcess, tell: Tell, should_stop: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Bake the job's run from where it stands; returns what its last event says."""

    def stop() -> bool:
        return job.should_stop() or bool(should_stop and should_stop())

    result = train(job.run, Told(job.events, tell), resume=True, should_stop=stop)
    return {
        "steps": result.steps,
        "seconds": round(result.seconds, 2),
        "checkpoints": _checkpoints(job.run),
    }


def bake(
    run: Run, *, resume: bool, tell: Tell, should_stop: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Bake in this process, outside the queue; returns `checkpoints`, `steps` and `seconds`."""
    if resume and not run.recipe_path.exists():
        raise TrainingError(
            f"There is no run in {run.folder} to go on with. Leave out --resume to start one."
        )
    with job_process(run.folder, tell=tell) as job:
        job.result.update(work(job, tell, should_stop))
    result = dict(job.result)
    for checkpoint in result["checkpoints"]:
        checkpoint["path"] = str(run.folder / checkpoint["path"])
    return result


def _checkpoints(run: Run) -> list[dict[str, Any]]:
    """Every file of the run with its figures; after a resume the newer figures count."""
    events, _ = read_events(run.events_path)
    found = {
        event.data["epoch"]: dict(event.data)
        for event in events
        if event.type == "checkpoint" and (run.folder / str(event.data["path"])).exists()
    }
    return [found[epoch] for epoch in sorted(found)]
