"""`python -m lorabake.core.vocabulary WORKSPACE`: the process that fetches the newest lists."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from lorabake.core.errors import LorabakeError, Stopped
from lorabake.core.vocabulary.job import run_fetch
from lorabake.core.worker import EXIT_BUSY, EXIT_FAILED, EXIT_FINISHED, EXIT_STOPPED, BusyError
from lorabake.core.workspace import Workspace


def main() -> int:
    try:
        run_fetch(Workspace.open(Path(sys.argv[1])))
    except BusyError:
        return EXIT_BUSY
    except (Stopped, KeyboardInterrupt):
        return EXIT_STOPPED
    except LorabakeError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except Exception:
        traceback.print_exc()
        return EXIT_FAILED
    return EXIT_FINISHED


if __name__ == "__main__":
    sys.exit(main())
