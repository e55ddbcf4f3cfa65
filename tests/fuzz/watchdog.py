"""What takes too long is ended where it is, and says so: also what would never come to an end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANG = 1.0  # seconds of this process's own time for one case
WAITS = 30.0  # seconds of the clock, for what only waits: a lock, a pipe, a pause
KILLED = 10.0  # seconds of this process's own time, for what never comes back to Python

# Windows has no such timers: there only the time it took is looked at afterwards.
HAS_TIMERS = hasattr(signal, "setitimer")


class Hangs(BaseException):
    """A case took too long. No `Exception`, so that no parser takes it for a mistake of its own."""


_armed = False


def _ring(number: int, _: FrameType | None) -> None:
    if not _armed:
        return
    if number == signal.SIGPROF:
        raise Hangs(f"more than {HANG:g} s for one case")
    raise Hangs(f"waits, more than {WAITS:g} s for one case")


@contextmanager
def watchdog() -> Iterator[None]:
    """Around many cases; `timed` then watches each of them. In the main thread only."""
    if not HAS_TIMERS:
        yield
        return
    before = {number: signal.signal(number, _ring) for number in (signal.SIGPROF, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def timed() -> Iterator[None]:
    """Raises Hangs inside when it takes too long."""
    global _armed
    if HAS_TIMERS:
        _armed = True
        signal.setitimer(signal.ITIMER_PROF, HANG)
        signal.setitimer(signal.ITIMER_REAL, WAITS)
    try:
        yield
    finally:
        _armed = False
        if HAS_TIMERS:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)


def ends_with_the_kernel() -> None:
    """For a child: a loop in C, to which no signal gets through, is killed (SIGVTALRM) without a word.

    The timer runs as long as nobody calls this again, which each case does.
    """
    if HAS_TIMERS:
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_VIRTUAL, KILLED)
