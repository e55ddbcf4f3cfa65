"""Looking for duplicates beside the page: one scan of one project at a time, and what it found."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from lorabake.core.errors import LorabakeError, Stopped
from lorabake.duplicates.scan import Scan, scan_duplicates
from lorabake.ui.collection import Shelf
from lorabake.ui.place import beside, of_place, place

logger = logging.getLogger(__name__)

FAILED = "Looking for duplicates failed. The window of lorabake shows the details."
MAX_KEPT = 8  # projects whose last scan is remembered


@dataclass
class Search:
    """One scan. listing: of the shelf it looks at; found: None until there is something to show.

    known, looked: what `found` is of, by content and how many; done, total: pictures; begun, ended: s.
    """

    number: int
    project: str
    listing: int
    known: frozenset[str]
    looked: int
    total: int
    done: int = 0
    found: Scan | None = None
    problem: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    @property
    def running(self) -> bool:
        return not self.ended

    @property
    def seconds_left(self) -> float | None:
        """None until there is something to reckon from."""
        spent = time.monotonic() - self.begun
        if not self.running or not self.done or spent < 1:
            return None
        return spent / self.done * (self.total - self.done)


class Searches:
    """The scan that runs, and the last one of each project."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[str, Search] = {}
        self._running: tuple[Search, threading.Thread] | None = None
        self._count = 0

    def of(self, project: str) -> Search | None:
        return self._latest.get(project)

    def begin(self, project: str, shelf: Shelf) -> Search:
        """Look at all pictures; another scan that is on its way is stopped first."""
        with self._lock:
            before = self._running
            if before is not None and before[0].running:
                if before[0].project == project and before[0].listing == shelf.listing:
                    return before[0]
                before[0].stop.set()
            self._count += 1
            known = frozenset(picture.sha for picture in shelf.pictures)
            search = Search(
                # A page that is still open must not take the first after a restart for an old one.
                number=time.time_ns() // 1_000_000 + self._count,
                project=project,
                listing=shelf.listing,
                known=known,
                looked=len(shelf.pictures),
                total=len(shelf.pictures),
            )
            last = self._latest.get(project)
            if last is not None and not last.running:
                search.found = last.found  # shown until there is something newer
                search.known, search.looked = last.known, last.looked
            earlier = before[1] if before else None
            thread = beside(self._work, search, shelf, known, earlier, name="look-for-duplicates")
            self._running = (search, thread)
            self._latest.pop(project, None)
            self._latest[project] = search
            for name in list(self._latest)[:-MAX_KEPT]:
                self._latest.pop(name)
            thread.start()
            return search

    def stop(self, project: str) -> None:
        """What was looked at is kept, so that the next scan need not do it again."""
        search = self._latest.get(project)
        if search is not None:
            search.stop.set()

    def _work(
        self,
        search: Search,
        shelf: Shelf,
        known: frozenset[str],
        before: threading.Thread | None,
    ) -> None:
        if before is not None:
            before.join()

        def tell(done: int, total: int) -> None:
            search.done, search.total = done, total

        try:
            found = scan_duplicates(
                place().index, shelf.dataset.images, tell, should_stop=search.stop.is_set
            )
            if not search.stop.is_set():
                search.known, search.looked = known, len(shelf.pictures)
                search.found = found
        except Stopped:
            pass
        except LorabakeError as error:
            search.problem = str(error)
        except Exception:
            logger.exception("looking for duplicates failed")
            search.problem = FAILED
        finally:
            search.ended = time.monotonic()


searches = of_place(Searches)
