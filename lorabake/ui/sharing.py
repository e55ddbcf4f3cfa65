"""Remote help: one link at a time, made and ended by the owner. See docs/security.md."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.http import Web
from lorabake.core.limits import choose_mode, limits
from lorabake.core.process import boot_id, end_process, is_process, process_started
from lorabake.core.tunnel import (
    Client,
    Tunnel,
    arguments,
    ask_server,
    client_program,
    open_tunnel,
)
from lorabake.ui.guard import App
from lorabake.ui.link import Link
from lorabake.ui.proposals import forget_of
from lorabake.ui.remote import Door

logger = logging.getLogger(__name__)

HOURS = (1, 3, 8)
USUAL_HOURS = 3
LOOK = 0.5  # seconds between two looks at the tunnel
SERVERS = "https://api.gradio.app/v3/tunnel-request"

MakeTunnel = Callable[[int, Path, Callable[[], bool]], Tunnel]
"""(port of this computer, folder to keep things in, asked to give up) → a tunnel to the port."""


class Sharing:
    """The link of this page. state: off, starting, open or failed; problem: why there is none."""

    def __init__(self, page: App, folder: Path, make: MakeTunnel | None = None) -> None:
        self.state = "off"
        self.problem = ""
        self.link: Link | None = None
        self._page = page
        self._folder = folder
        self._make = make or make_tunnel
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._before = limits().mode
        end_left_over(folder)

    def start(
        self,
        hours: int,
        on_open: Callable[[Link], None] = lambda link: None,
        on_end: Callable[[str], None] = lambda problem: None,
    ) -> None:
        """Begin to make a link; `state` tells how far it is.

        on_end: told why there is none, or none any more; "" when it was ended by `end`.
        """
        if not 0 < hours <= limits().link_hours:
            raise WorkspaceError("A link for remote help is not possible here, or not for so long.")
        with self._guard:
            if self._thread is not None and self._thread.is_alive():
                raise WorkspaceError("There is a link already. End it first.")
            self._stop = threading.Event()
            self.state, self.problem, self.link = "starting", "", None
            self._thread = threading.Thread(
                target=self._work,
                args=(hours, on_open, on_end, self._stop),
                name="link",
                daemon=True,
            )
            self._thread.start()

    def end(self) -> None:
        """Nobody is answered any more from this moment on; the tunnel goes a moment later."""
        if self.link is not None:
            self._everybody_out(self.link)
        self._stop.set()

    def close(self, seconds: float = 10.0) -> None:
        """The same, and wait for the tunnel to be gone."""
        self.end()
        if self._thread is not None:
            self._thread.join(seconds)

    def _everybody_out(self, link: Link) -> None:
        guests = link.guests()
        link.end()
        for guest in guests:
            forget_of(guest.person.session)

    def living(self) -> Link:
        """The link, for what needs one."""
        if self.link is None or not self.link.lives:
            raise WorkspaceError("There is no link now. Make one first.")
        return self.link

    def _work(
        self,
        hours: int,
        on_open: Callable[[Link], None],
        on_end: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        try:
            problem = self._live(hours, on_open, stop)
            self.state = "off"
        except LorabakeError as error:
            problem, self.state = str(error), "failed"
        except Exception:
            logger.exception("the link could not be made")
            problem = "The link could not be made. The window of lorabake shows the details."
            self.state = "failed"
        self.problem = "" if stop.is_set() else problem
        if stop.is_set():
            self.state = "off"
        choose_mode(self._before)
        on_end(self.problem)

    def _live(self, hours: int, on_open: Callable[[Link], None], stop: threading.Event) -> str:
        """From the port to the end of the link; why it ended."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        door = Door(self._page)
        tunnel: Tunnel | None = None
        try:
            tunnel = self._make(door.port, self._folder, stop.is_set)
            _remember(self._folder, tunnel)
            link = Link(tunnel.url, hours)
            choose_mode("share")
            door.lead_to(link, forget_of)
            self.link, self.state = link, "open"
            on_open(link)
            while link.lives and tunnel.works and not stop.wait(LOOK):
                continue
            if link.lives:
                return "The tunnel broke off, so the link has ended. Make a new one."
            return f"The link has ended by itself after {hours} h."
        finally:
            if self.link is not None:
                self._everybody_out(self.link)
            door.close()
            if tunnel is not None:
                tunnel.close()
            (self._folder / RECORD).unlink(missing_ok=True)


RECORD = "tunnel.json"


def make_tunnel(port: int, folder: Path, should_stop: Callable[[], bool]) -> Tunnel:
    """By the servers and the program that Gradio's own links use."""
    from gradio import tunneling

    sha256 = tunneling.CHECKSUMS.get(tunneling.BINARY_URL)
    if sha256 is None:
        raise WorkspaceError(
            "There is no tunnel program for this kind of computer, so no link can be made."
        )
    limits().require_network()
    web = Web(tries=2, should_stop=should_stop)
    client = Client(tunneling.BINARY_URL, sha256, Path(tunneling.BINARY_FILENAME).name)
    if tunneling.EXTENSION and not client.name.endswith(tunneling.EXTENSION):
        client = Client(client.url, sha256, client.name + tunneling.EXTENSION)
    program = client_program(web, client, folder)
    server = ask_server(web, SERVERS)
    certificate = folder / "server.pem"
    certificate.write_text(server.certificate, encoding="utf-8")
    argv = arguments(program, port, server, secrets.token_urlsafe(32), certificate)
    return open_tunnel(argv, folder / "tunnel.log", should_stop=should_stop)


def end_left_over(folder: Path) -> None:
    """The tunnel of a page that was killed still leads to a port that others may get."""
    with suppress(OSError, WorkspaceError, KeyError, TypeError, ValueError):
        found = read_json(folder / RECORD, limit=4096)
        assert isinstance(found, dict)
        pid, started = int(found["pid"]), str(found["pid_started"])
        if is_process(pid, started, str(found["boot_id"])):
            end_process(pid, force=True)
        (folder / RECORD).unlink(missing_ok=True)


def _remember(folder: Path, tunnel: Tunnel) -> None:
    pid = tunnel.child.pid
    record = {"pid": pid, "pid_started": process_started(pid) or "", "boot_id": boot_id()}
    atomic_write_json(folder / RECORD, {**record, "since": time.time()})


_sharing: Sharing | None = None


def open_sharing(found: Sharing) -> Sharing:
    """Make this the page's."""
    global _sharing
    _sharing = found
    return found


def sharing() -> Sharing:
    if _sharing is None:
        raise WorkspaceError("A link for remote help is not possible here.")
    return _sharing
