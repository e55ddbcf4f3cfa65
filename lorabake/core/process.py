"""Processes: which one is alive, starting one that outlives us, ending one.

A process id alone is not enough to know a process, because ids are used again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

_HOME = Path(__file__).resolve().parents[2]  # the folder that holds the package lorabake


class Child(subprocess.Popen[bytes]):
    """A process that may outlive us; leaving it behind is no mistake that Python has to warn of."""

    def __del__(self) -> None:
        with suppress(Exception):  # Python may be ending, or the process never have begun
            self.poll()


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


def start_detached(
    argv: Sequence[str], *, log: Path, extra: Mapping[str, str] | None = None
) -> Child:
    """Start a process that outlives us: an own session, no terminal, all it prints into `log`.

    It runs in the folder that holds lorabake, so that `-m lorabake.…` is found and nothing in a
    user's folder can take the place of a library. extra: added to our environment.
    """
    paths = [str(_HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        **(extra or {}),
    }
    with log.open("ab") as output:
        for flags in _creation_flags():
            with suppress(PermissionError):
                return Child(
                    list(argv),
                    cwd=_HOME,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    creationflags=flags,
                )
    raise PermissionError(f"the system does not let us start {argv[0]}")


def wait_for(child: Child, seconds: float) -> int | None:
    """The exit code of a process we started (negative: the signal that killed it); None if alive."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _creation_flags() -> tuple[int, ...]:
    """What to try. Windows: first outside of the group that ends with the launcher's window."""
    if sys.platform != "win32":
        return (0,)
    else:
        alone = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return alone | subprocess.CREATE_BREAKAWAY_FROM_JOB, alone


def end_process(pid: int, *, force: bool) -> None:
    """Ask a process (or force it) to end, and with it those it started, if it leads a session."""
    if sys.platform == "win32":
        strength = ["/F"] if force else []
        subprocess.run(
            ["taskkill", "/T", *strength, "/PID", str(pid)], capture_output=True, check=False
        )
    else:
        sent = signal.SIGKILL if force else signal.SIGTERM
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, sent)
            else:
                os.kill(pid, sent)
