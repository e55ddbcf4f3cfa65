"""How many processors this program may use, which in a container is fewer than the machine has."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

SPACE_VARIABLE = "CPU_CORES"  # set by the Hub on a Space
CGROUPS = Path("/sys/fs/cgroup")


def cpu_count(cgroups: Path = CGROUPS) -> int:
    """At least 1: the fewest of what the machine has, this process may use, and its group is given.

    Of a cgroup's quota a part of a processor counts as a whole one. cgroups: where Linux mounts them,
    version 2 or 1.
    """
    found = [os.cpu_count() or 1, _allowed(), _said_by_space(), _quota(cgroups)]
    return max(1, min(number for number in found if number is not None))


def _allowed() -> int | None:
    """This process's affinity."""
    if sys.platform == "win32" or sys.platform == "darwin":
        return None
    else:
        return len(os.sched_getaffinity(0))


def _said_by_space() -> int | None:
    said = os.environ.get(SPACE_VARIABLE, "")
    try:
        number = float(said)
    except ValueError:
        return None
    return math.ceil(number) if 0 < number < 4096 else None


def _quota(cgroups: Path) -> int | None:
    with suppress(OSError, ValueError):
        told = (cgroups / "cpu.max").read_text(encoding="ascii").split()
        return None if told[:1] == ["max"] else _share(*map(int, told))
    with suppress(OSError, ValueError):
        files = (cgroups / "cpu" / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
        return _share(*(int(file.read_text(encoding="ascii")) for file in files))
    return None


def _share(quota: int = 0, period: int = 0, *_: int) -> int | None:
    """-1 and the like mean that there is no limit."""
    return math.ceil(quota / period) if quota > 0 and period > 0 else None
