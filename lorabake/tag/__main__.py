"""`python -m lorabake.tag FOLDER`: the process the queue starts for a tagging."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lorabake.core.worker import run_job
from lorabake.tag.job import KIND


def main() -> int:
    folder = Path(sys.argv[1]).absolute()

    def tell(text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def work(job: object) -> dict[str, object]:
        from lorabake.tag.sitting import work  # onnxruntime from here on

        return work(job, tell)  # type: ignore[arg-type]

    return run_job(folder, work, kind=KIND)


if __name__ == "__main__":
    sys.exit(main())
