"""Looks at the pictures of the project that is shown, beside the page; what is seen is kept by content."""

from __future__ import annotations

import logging
import threading

from lorabake.core.errors import LorabakeError
from lorabake.enhance.look import look_many
from lorabake.ui.collection import Shelf
from lorabake.ui.place import beside, of_place, place

logger = logging.getLogger(__name__)

STEP = 200  # pictures, after which it is worth to ask again


class Looking:
    """One look through the pictures of one project at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._begun: tuple[str, int] = ("", 0)  # project and listing
        self.done = self.total = 0
        self.stopped = False
        self.unreadable: dict[str, str] = {}  # by sha256, a sentence each
        self.problem = ""

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def tick(self) -> tuple[int, bool]:
        """Another one whenever there may be new figures."""
        return self.done // STEP, self.running

    def begin(self, project: str, shelf: Shelf, *, again: bool = False) -> None:
        """Look at what is new, unless that was done or stopped; again: go on after a stop."""
        with self._lock:
            if self._begun == (project, shelf.listing) and not (again and not self.running):
                return
            self._begun = (project, shelf.listing)
            self._stop.set()
            before, self._stop = self._thread, threading.Event()
            self.done, self.total, self.problem = 0, len(shelf.by_id), ""
            self.stopped = False
            self._thread = beside(self._work, before, shelf, self._stop, name="look-at-pictures")
            self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self.stopped = self.running
            self._stop.set()

    def _work(self, before: threading.Thread | None, shelf: Shelf, stop: threading.Event) -> None:
        if before is not None:
            before.join()

        def tell(done: int, total: int) -> None:
            if not stop.is_set():
                self.done, self.total = done, total

        try:
            pictures = [(picture.sha, picture.path) for picture in shelf.pictures]
            found = look_many(place().index, pictures, on_progress=tell, should_stop=stop.is_set)
            if not stop.is_set():
                self.unreadable = found.unreadable
        except LorabakeError as error:
            self.problem = str(error)
        except Exception:
            logger.exception("looking at pictures failed")
            self.problem = "Looking failed. The window of lorabake shows the details."


looking = of_place(Looking)
