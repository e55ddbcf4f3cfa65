"""`python -m lorabake.engine.shelf WORKSPACE NAME`: the process of one download."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from lorabake.core.errors import LorabakeError, Stopped
from lorabake.core.run import Run
from lorabake.core.worker import EXIT_BUSY, EXIT_FAILED, EXIT_FINISHED, EXIT_STOPPED, BusyError
from lorabake.core.workspace import Workspace, inside
from lorabake.engine.shelf.jobs import downloads_dir, run_download


def main() -> int:
    workspace = Workspace.open(Path(sys.argv[1]))
    run = Run(inside(downloads_dir(workspace), sys.argv[2]))
    try:
        run_download(workspace, run)
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
