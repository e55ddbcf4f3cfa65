"""The port of a link: the same page in the same loop, behind another door.

Only the tunnel is told of it. What listens here treats everybody as somebody else, so that a request
cannot pass for the owner's, whatever its headers say.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

import uvicorn

from lorabake.core.errors import JobError
from lorabake.ui.entrance import Entrance, LinkGate
from lorabake.ui.guard import App, Guard
from lorabake.ui.link import Link

PATIENCE = 5.0  # seconds for the port to open or close


class Door:
    """A port of this computer for one tunnel. Nothing is answered before `lead_to`."""

    def __init__(self, page: App) -> None:
        if Guard.loop is None:
            raise JobError("The page is not ready yet. Try again in a moment.")
        self.page = page
        self._app: App | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="critical",  # that it cuts off who still listens is no news
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._served: Future[Any] = asyncio.run_coroutine_threadsafe(
            self._server.serve(sockets=[self._socket]), Guard.loop
        )

    def lead_to(self, link: Link, left: Callable[[str], None]) -> None:
        """Let people in by this link from now on."""
        self._app = Entrance(Guard(self.page, LinkGate(link)), link, left)

    def close(self) -> None:
        self._app = None
        self._server.should_exit = True
        with suppress(TimeoutError, CancelledError):  # the page itself may end first
            self._served.result(PATIENCE)
        self._socket.close()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is not None:
            return await self._app(scope, receive, send)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        return None
