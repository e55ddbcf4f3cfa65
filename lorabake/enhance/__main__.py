"""`python -m lorabake.enhance FOLDER`: the process the queue starts; with --trial, one of the page's."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lorabake.core.worker import run_job
from lorabake.enhance.job import KIND


def main() -> int:
    # The queue adds --resume behind it, which changes nothing here: what is ready is found anyway.
    folder = Path(next(word for word in sys.argv[1:] if not word.startswith("--"))).absolute()
    if "--trial" in sys.argv[1:]:
        from lorabake.enhance.trial import do_trial

        return do_trial(folder)

    def tell(text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def work(job: object) -> dict[str, object]:
        from lorabake.enhance.sitting import work

        return work(job, tell)  # type: ignore[arg-type]

    return run_job(folder, work, kind=KIND)


if __name__ == "__main__":
    sys.exit(main())
