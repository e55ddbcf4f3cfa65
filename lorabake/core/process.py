"""Which process is alive: a process id alone is not enough, because ids are used again."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path


def process_started(pid: int) -> str | None:
    """When the process with this id began, as text to compare; None when there is no such process.

    A zombie (ended, not yet collected by its parent) counts as gone.
    """
    if pid <= 0:
        return None
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name in brackets may hold spaces
        if fields[0] in "ZX":
            return None
        return fields[19]  # clock ticks since boot; a changed wall clock does not move it
    else:
        import psutil

        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return f"{process.create_time():.2f}"
        except psutil.Error:
            return None


@cache
def boot_id() -> str:
    """Tells one start of this machine from the next, so that ids of an earlier one never match."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""  # elsewhere the start time is a wall-clock time, which no earlier boot shares


def is_process(pid: int, started: str, boot: str) -> bool:
    """Is this still the very process that wrote these three down?"""
    return boot == boot_id() and process_started(pid) == started


def this_process() -> dict[str, object]:
    """What another process needs for `is_process` on us."""
    pid = os.getpid()
    return {"pid": pid, "pid_started": process_started(pid) or "", "boot_id": boot_id()}
