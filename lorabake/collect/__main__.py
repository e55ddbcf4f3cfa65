"""`python -m lorabake.collect FOLDER`: the process the queue starts for a download."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lorabake.collect.job import KIND
from lorabake.core.worker import run_job


def main() -> int:
    folder = Path(sys.argv[1]).absolute()

    def tell(text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def work(job: object) -> dict[str, object]:
        from lorabake.collect.sitting import work

        return work(job, tell)  # type: ignore[arg-type]

    # It waits for sites most of the time: a bake need not wait for it.
    return run_job(folder, work, kind=KIND, heavy=False)


if __name__ == "__main__":
    sys.exit(main())
