"""`python -m lorabake.train RUN_FOLDER`: the process the queue starts for a bake."""

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
        from lorabake.train.sitting import work  # torch from here on

        return work(job, tell)  # type: ignore[arg-type]

    return run_job(folder, work, kind="train")


if __name__ == "__main__":
    sys.exit(main())
