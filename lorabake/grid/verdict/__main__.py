"""`python -m lorabake.grid.verdict FOLDER`: the process the queue starts to measure a grid."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lorabake.core.worker import run_job
from lorabake.grid.verdict.asked import KIND
from lorabake.grid.verdict.sitting import work


def tell(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    sys.exit(run_job(Path(sys.argv[1]), lambda job: work(job, tell), kind=KIND))
