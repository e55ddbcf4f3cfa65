"""A worker without a model, for the tests of the queue: what it does is in its folder's do.json."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lorabake.core.errors import TrainingError
from lorabake.core.worker import JobProcess, run_job


def main(folder: Path, resume: bool) -> int:
    wish: dict[str, Any] = json.loads((folder / "do.json").read_text(encoding="utf-8"))
    if wish.get("die_early"):
        sys.stderr.write("ImportError: no such card\n")
        return 3
    time.sleep(wish.get("slow_start", 0))
    return run_job(folder, lambda job: work(job, wish, resume))


def work(job: JobProcess, wish: dict[str, Any], resume: bool) -> dict[str, Any]:
    with (job.folder.parent / "order.txt").open("a", encoding="utf-8") as order:
        order.write(f"{job.folder.name}\n")
    state = job.folder / "state.txt"
    first = int(state.read_text(encoding="utf-8")) if resume and state.exists() else 0
    steps = wish.get("steps", 3)
    job.events.write("plan", steps=steps, epochs=1)
    if wish.get("ignore_stop"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for step in range(first + 1, steps + 1):
        if not wish.get("deaf") and not wish.get("ignore_stop"):
            job.raise_if_stopped()
        time.sleep(wish.get("pause", 0.01))
        state.write_text(str(step), encoding="utf-8")
        job.events.write("step", step=step, epoch=1, loss=0.5, loss_average=0.25)
        if step == wish.get("exit_at"):
            os._exit(wish.get("code", 1))
        if step == wish.get("fail_at"):
            raise TrainingError("The loss is not a number. Lower the learning rate.")
        if step == wish.get("bug_at"):
            raise ZeroDivisionError("a bug")
    return {"first": first + 1, "steps": steps}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--resume" in sys.argv))
