"""The demo's visitors: each has a workspace of its own, which is gone an hour after they are.

A visitor is whoever shows the secret that the server gave to a browser, kept here as a hash. The
workspace's folder has a name drawn for it, which no browser is told. See docs/space.md.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.history import close_history
from lorabake.core.limits import limits
from lorabake.core.turns import Turns
from lorabake.core.workspace import Workspace
from lorabake.practice import SAMPLE_DIR
from lorabake.ui.place import Place
from lorabake.ui.roles import Person

logger = logging.getLogger(__name__)

SECRET_BYTES = 32  # 256 bits
MAX_SECRETS = 5000  # given out and not come back; a page that is only fetched costs no workspace
SWEEP = 20.0  # seconds between two looks for who has left


class Gone(WorkspaceError):
    """The visit is over; the page begins a new one when it is loaded anew."""


class DemoFull(WorkspaceError):
    """As many visitors as there may be."""


class Visit:
    """One visitor. key: hash of their secret; begun, seen: seconds of `now`."""

    def __init__(self, key: bytes, now: float) -> None:
        self.person = Person("visitor", session=secrets.token_hex(16))
        self.key = key
        self.begun = self.seen = now
        self.place: Place | None = None
        self.lock = threading.Lock()
        self.over = False


class Visitors:
    """root: the folder of their workspaces, which this object empties at its start and end."""

    def __init__(self, root: Path, now: Callable[[], float] = time.monotonic) -> None:
        self.root = root
        self.turns: Turns | None = None
        self._now = now
        self._guard = threading.RLock()
        self._by_key: OrderedDict[bytes, Visit] = OrderedDict()
        self._by_session: dict[str, Visit] = {}
        self._closed = threading.Event()
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True, mode=0o700)

    def come(self) -> str:
        """The secret of a new visitor. They get a workspace with their first question."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        visit = Visit(_hash(secret), self._now())
        with self._guard:
            self._by_key[visit.key] = visit
            self._by_session[visit.person.session] = visit
            idle = [one for one in self._by_key.values() if one.place is None]
            for one in idle[: max(0, len(self._by_key) - MAX_SECRETS)]:
                self._drop(one)
        return secret

    def person(self, secret: str) -> Person | None:
        """Who has this secret; that they ask keeps their visit going."""
        if not secret:
            return None
        with self._guard:
            visit = self._by_key.get(_hash(secret))
            if visit is None or visit.over:
                return None
            visit.seen = self._now()
            return visit.person

    def place(self, person: Person) -> Place:
        """This visitor's own; made, with the sample project in it, when they first ask for it."""
        with self._guard:
            visit = self._by_session.get(person.session) if person.role == "visitor" else None
        if visit is None or visit.over:
            raise Gone("This visit to the demo is over. Load the page anew to begin another one.")
        with visit.lock:
            if visit.place is None:
                visit.place = self._new_place(visit)
            return visit.place

    def workspaces(self) -> list[Workspace]:
        with self._guard:
            visits = list(self._by_key.values())
        return [one.place.workspace for one in visits if one.place is not None and not one.over]

    def leave(self, person: Person) -> None:
        """End a visit now: its job is killed and its files are deleted."""
        with self._guard:
            visit = self._by_session.get(person.session)
            if visit is None or visit.over:
                return
            visit.over = True
            self._drop(visit)
        with visit.lock:
            if visit.place is not None:
                self._delete(visit.place)

    def sweep(self) -> int:
        """End the visits of those who have not asked for long, or who are here for too long."""
        now, most = self._now(), limits()
        with self._guard:
            over = [
                one.person
                for one in self._by_key.values()
                if now - one.seen >= (most.idle or 0) or now - one.begun >= (most.visit or 0)
            ]
        for person in over:
            self.leave(person)
        return len(over)

    def keep_sweeping(self) -> None:
        """From now on, beside the page."""

        def work() -> None:
            while not self._closed.wait(SWEEP):
                try:
                    self.sweep()
                except Exception:
                    logger.exception("looking for visitors who left failed")

        threading.Thread(target=work, name="visitors", daemon=True).start()

    def close(self) -> None:
        """End all visits."""
        self._closed.set()
        with self._guard:
            everybody = [one.person for one in self._by_key.values()]
        for person in everybody:
            self.leave(person)
        shutil.rmtree(self.root, ignore_errors=True)

    def _new_place(self, visit: Visit) -> Place:
        most = limits().visitors or 0
        with self._guard:
            here = sum(1 for one in self._by_key.values() if one.place is not None)
            if here >= most:
                raise DemoFull(
                    f"The demo is full: {most} people are in it. Try again in a while, "
                    "or start lorabake on your own computer."
                )
            workspace = Workspace.open(self.root / secrets.token_hex(16))
            workspace.root.chmod(0o700)
            place = visit.place = Place(workspace)  # counts from now on
        try:
            workspace.create_sample_project(SAMPLE_DIR)
        except (LorabakeError, OSError):
            visit.place = None
            shutil.rmtree(workspace.root, ignore_errors=True)
            raise
        return place

    def _drop(self, visit: Visit) -> None:
        self._by_key.pop(visit.key, None)
        self._by_session.pop(visit.person.session, None)

    def _delete(self, place: Place) -> None:
        if self.turns is not None:
            self.turns.leave(place.workspace)
        for name in place.workspace.projects():
            close_history(place.workspace.project(name).dataset_dir)
        place.index.close()
        shutil.rmtree(place.workspace.root, ignore_errors=True)
        if place.workspace.root.exists():  # somebody was still writing
            shutil.rmtree(place.workspace.root, ignore_errors=True)


def _hash(secret: str) -> bytes:
    """What is random and long needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


_visitors: Visitors | None = None


def open_visitors(found: Visitors | None) -> None:
    """Make these the page's."""
    global _visitors
    _visitors = found


def visitors() -> Visitors:
    if _visitors is None:
        raise WorkspaceError("This is not the demo.")
    return _visitors
