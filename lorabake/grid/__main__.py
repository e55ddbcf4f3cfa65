"""`python -m lorabake.grid FOLDER`: the process the queue starts for a grid."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lorabake.core.worker import run_job


def main() -> int:
    folder = Path(sys.argv[1])

    def tell(text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def work(job: object) -> dict[str, object]:
        from lorabake.grid.sitting import work  # torch from here on

        return work(job, tell)  # type: ignore[arg-type]

    return run_job(folder, work, kind="grid")


if __name__ == "__main__":
    sys.exit(main())
