"""Processes that outlive the one that started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from lorabake.core.process import start_detached

kept = [start_detached(sys.argv[2:], log=Path(sys.argv[1]))]
start_detached(sys.argv[2:], log=Path(sys.argv[1]))
print(kept[0].pid)
"""


def test_who_leaves_one_behind_is_not_warned(tmp_path: Path) -> None:
    waits = [sys.executable, "-c", "import time; time.sleep(3)"]
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM, str(tmp_path / "log"), *waits],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) > 0
    assert done.stderr == ""
