"""One runner for many workspaces: one job at a time, in the order in which they were asked for.

In the demo every visitor has a workspace with a queue of its own. Its jobs are not left to a runner of
that workspace, which would know nothing of the others, but are worked off here, in a thread of the
page's process, which is also the one that ends what takes too long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lorabake.core.errors import LorabakeError
from lorabake.core.oven import KINDS, Oven, Patience
from lorabake.core.process import end_process
from lorabake.core.queue import Queue
from lorabake.core.status import read_job
from lorabake.core.workspace import Workspace

logger = logging.getLogger(__name__)

GONE = 20.0  # seconds that a killed job may take to be gone


class Turns:
    """workspaces: those whose jobs wait here, asked anew each time."""

    def __init__(
        self,
        workspaces: Callable[[], Iterable[Workspace]],
        patience: Patience,
        kinds: Mapping[str, str] = KINDS,
    ) -> None:
        self.admission = threading.RLock()  # who adds a job counts and adds in one step
        self._workspaces = workspaces
        self._patience = patience
        self._kinds = kinds
        self._change = threading.Condition()
        self._at: Path | None = None
        self._leaving: set[Path] = set()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Somebody may have added a job."""
        with self._change:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="turns", daemon=True)
                self._thread.start()

    def waiting(self) -> int:
        """Jobs of everybody that wait."""
        return sum(len(Queue(one).read().waiting) for one in self._workspaces())

    def ahead(self, workspace: Workspace) -> int:
        """Jobs that come before the first one that waits here, the one at work among them."""
        mine = _asked(workspace)
        if mine is None:
            return 0
        asked = (_asked(one) for one in self._workspaces() if one.root != workspace.root)
        return sum(1 for other in asked if other is not None and other < mine)

    def leave(self, workspace: Workspace) -> None:
        """Kill its job, forget those that wait, and come back when nothing works there any more."""
        root = workspace.root
        with self._change:
            self._leaving.add(root)
        try:
            with Queue(workspace).change() as state:
                state.waiting.clear()
            until = time.monotonic() + GONE
            while time.monotonic() < until:
                _kill(workspace)
                with self._change:
                    if self._at != root or self._change.wait_for(lambda: self._at != root, 0.2):
                        return
            logger.warning("a job in %s could not be ended", root)
        finally:
            with self._change:
                self._leaving.discard(root)

    def _work(self) -> None:
        while True:
            with self._change:
                found = self._next()
                if found is None:
                    self._thread = None  # under the lock: who wakes after this starts another
                    return
                self._at = found.root
            try:
                Oven(found, self._kinds, self._patience).work()
            except (LorabakeError, OSError):
                if found.root.is_dir():
                    logger.exception("a job could not be worked on")
                    time.sleep(1.0)
            finally:
                with self._change:
                    self._at = None
                    self._change.notify_all()

    def _next(self) -> Workspace | None:
        """Whose turn it is: what was begun and is not ended, else the job that waits longest."""
        asked = [
            (since, number, one)
            for number, one in enumerate(self._workspaces())
            if one.root not in self._leaving and (since := _asked(one)) is not None
        ]
        return min(asked)[2] if asked else None


def _asked(workspace: Workspace) -> float | None:
    """When the first job that waits here was asked for; 0 for one that is begun."""
    queue = Queue(workspace)
    state = queue.read()
    if state.active:
        return 0.0
    if not state.waiting:
        return None
    job = read_job(queue.run(state.waiting[0]))
    return job.created if job else 0.0


def _kill(workspace: Workspace) -> None:
    state = Queue(workspace).read()
    if state.active_is_alive:
        end_process(int(state.active_process["pid"]), force=True)


_shared: Turns | None = None


def share_turns(turns: Turns | None) -> None:
    """Have all jobs of this process worked off here; None for a runner of each workspace."""
    global _shared
    _shared = turns


def shared_turns() -> Turns | None:
    return _shared
