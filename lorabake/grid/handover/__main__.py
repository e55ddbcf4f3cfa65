"""`python -m lorabake.grid.handover FOLDER`: the process that hands one file over, or looks into one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lorabake.core.worker import JobProcess, run_job
from lorabake.grid.handover.job import KIND, file_to_look_into, read_asked


def work(job: JobProcess) -> dict[str, Any]:
    if file := file_to_look_into(job.folder):
        from lorabake.grid.handover.look import look_into

        return look_into(file)
    from lorabake.grid.handover.make import hand_over  # torch from here on

    asked = read_asked(job.folder)

    def tell(text: str) -> None:
        job.events.write("note", text=text)

    if asked.upload:
        from lorabake.grid.handover.hub import upload

        return upload(asked, tell)
    return hand_over(asked.choice, asked.settings, asked.folder, tell=tell).to_mapping()


if __name__ == "__main__":
    sys.exit(run_job(Path(sys.argv[1]), work, kind=KIND, heavy=False))
