"""Answers only to its own page: stops DNS rebinding, cross-site requests, framing and odd bodies.

Every event of the page is an HTTP endpoint, and a website the user visits can send requests to
localhost. So a request must name this server as its Host, must come from this server's own page (or
from no page at all: a command line), and must ask for one of the few routes the page uses.

Who it is from is decided by a `Gate`, one for each port: what comes in at this computer's own port is
the owner, what comes through the tunnel of a link never is. See docs/security.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from lorabake.ui.endpoints import PERSON, events, is_session_of
from lorabake.ui.roles import OWNER, Person, present

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")

# What the page asks for; everything else Gradio offers (uploads, proxies, monitoring, run history,
# API pages) is not there.
READ = (
    "/assets/",
    "/static/",
    "/svelte/",
    "/theme.css",
    "/favicon.ico",
    "/config",
    "/manifest.json",
)
API = "/gradio_api/"
READ_API = ("queue/data", "heartbeat/", "startup-events", "app_id", "info", "user", "login_check")
FUNCTION = "component_server"
WRITE_API = (FUNCTION, "cancel", "reset")  # what a function needs, it says itself
EVENT = ("queue/join", "queue/join/")
OWN = "/lorabake/"
UPLOAD = "/lorabake/upload/"

MAX_JSON = 4 * 2**20
MAX_UPLOAD = 4 * 2**30  # a zip, written as it comes; the route limits other kinds of files
MAX_DEPTH = 40
ADMITTED = "lorabake.admitted"  # in a scope: the guard before Gradio's layers has let it in
SESSIONS = ("queue/data", "heartbeat/")  # that name a session of Gradio's in their address
# What proxies and tunnels add; a request to this computer itself has none of them.
FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-original-host",
    "x-real-ip",
    "cf-connecting-ip",
)

CSP = "; ".join(
    (
        "default-src 'self'",
        # Gradio's page holds inline scripts, and gr.HTML compiles its templates.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


DECIDING = ("host", "origin", "sec-fetch-site", "content-length", "cookie")


class Refused(Exception):
    """A request that is not ours, with the status to answer."""

    def __init__(self, status: int = 403) -> None:
        self.status = status


class Gate(Protocol):
    """What one port knows: by which names it is called, and who comes through it."""

    def hosts(self, scope: Scope) -> Iterable[str]:
        """Values of Host that mean this server."""

    def person(self, headers: dict[str, str]) -> Person:
        """Who asks; Refused for nobody."""


class LocalGate:
    """This computer's own port: the owner, unless the request came by way of something else."""

    def hosts(self, scope: Scope) -> Iterable[str]:
        port = (scope.get("server") or ("", None))[1]
        return {f"{name}:{port}" for name in LOCAL_NAMES}

    def person(self, headers: dict[str, str]) -> Person:
        if any(name in headers for name in FORWARDED):
            raise Refused
        return OWNER


class Guard:
    """ASGI middleware, before and behind Gradio's own layers: only the first one decides.

    loop: the one that the page is served in, known from the first request on.
    """

    loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, app: App, gate: Gate | None = None) -> None:
        self.app = app
        self.gate = gate or LocalGate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        Guard.loop = asyncio.get_running_loop()
        if scope["type"] == "lifespan" or ADMITTED in scope:
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # the page uses no web sockets
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        try:
            headers = single_headers(scope["headers"])
            self.check_address(scope, headers)
            check_route(scope["method"], scope["path"])
            person = self.gate.person(headers)
            check_session(scope, person)
            receive = await checked_body(scope, headers, receive, person)
        except Refused as refused:
            return await refuse(refused.status, send)
        scope[ADMITTED] = True
        scope[PERSON] = person  # for events, which are answered when the request is long over
        with present(person):
            return await self.app(scope, receive, _with_headers(send))

    def check_address(self, scope: Scope, headers: dict[str, str]) -> None:
        """Host is us, and the page that sent the request is ours (or there is no page)."""
        host = headers.get("host", "").lower()
        if host not in self.gate.hosts(scope):
            raise Refused
        for name in ("origin", "referer"):
            if name in headers and urlsplit(headers[name]).netloc.lower() != host:
                if name == "referer" and _is_link(scope, headers):
                    continue
                raise Refused
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and not _is_link(scope, headers):
            raise Refused


def single_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; those that decide must not come twice."""
    headers: dict[str, str] = {}
    for key, value in raw:
        name = key.decode("latin-1").lower()
        if name in headers and name in DECIDING:
            raise Refused
        headers[name] = value.decode("latin-1")
    return headers


def _is_link(scope: Scope, headers: dict[str, str]) -> bool:
    """Somebody followed a link to the start page; harmless, as it changes nothing."""
    return (
        scope["method"] == "GET"
        and scope["path"] == "/"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def check_route(method: str, path: str) -> None:
    """Only the routes of the page, and changing things only by POST or PUT."""
    reading = method in ("GET", "HEAD")
    if path == "/" or path.startswith(READ):
        allowed = reading
    elif path.startswith(OWN):
        allowed = reading or (method == "PUT" and path.startswith(UPLOAD))
    elif path.startswith(API):
        rest = path[len(API) :]
        allowed = rest.startswith(READ_API) if reading else False
        allowed = allowed or (method == "POST" and (rest in EVENT or rest.startswith(WRITE_API)))
    else:
        allowed = False
    if not allowed:
        raise Refused


def check_session(scope: Scope, person: Person) -> None:
    """Nobody listens to what another person's tab is answered, if they guess its name."""
    rest = scope["path"].removeprefix(API)
    if not rest.startswith(SESSIONS):
        return
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=16)
    named = [rest.removeprefix("heartbeat/")] if rest.startswith("heartbeat/") else []
    for hash in (*named, *asked.get("session_hash", [])):
        if not is_session_of(person, hash):
            raise Refused


async def checked_body(
    scope: Scope, headers: dict[str, str], receive: Receive, person: Person
) -> Receive:
    """Bodies are JSON of a bounded size without files in them, or one bounded upload.

    An event must be one that this person may ask for.
    """
    upload = scope["method"] == "PUT"
    limit = MAX_UPLOAD if upload else MAX_JSON
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise Refused(413)
    if upload:
        return _counted(receive, limit)
    if scope["method"] != "POST":
        return receive
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused
    body = await read_body(receive, limit)
    try:
        content = json.loads(body or b"null")
        if names_a_file(content):
            raise Refused
    except (ValueError, RecursionError):
        raise Refused from None
    if scope["path"].removeprefix(API) in EVENT:
        number = content.get("fn_index") if isinstance(content, dict) else None
        right = events().get(number) if type(number) is int else None
        if right is None or not person.may(right):
            raise Refused
    # A function is answered at once, to who asks; the rest goes to the tab that is named.
    named = content.get("session_hash") if isinstance(content, dict) else None
    if scope["path"].removeprefix(API) != FUNCTION and not is_session_of(person, named):
        raise Refused
    return _replay(body, receive)


def names_a_file(value: Any, depth: int = 0) -> bool:
    """Whether JSON holds Gradio's file data, which would make the server fetch or copy something."""
    if depth > MAX_DEPTH:
        return True
    if isinstance(value, dict):
        meta = value.get("meta")
        if isinstance(meta, dict) and "_type" in meta:
            return True
        if any(_is_address(value.get(key)) for key in ("path", "url")):
            return True
        return any(names_a_file(inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return any(names_a_file(inner, depth + 1) for inner in value)
    return False


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value.strip()).scheme.lower() not in ("",)


async def read_body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise Refused(413)
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes (the disconnect)."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


def _counted(receive: Receive, limit: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:  # no honest length was given; the reader sees a broken connection
            return {"type": "http.disconnect"}
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message.get("headers", [])}
            extra = [
                (name.encode(), value.encode())
                for name, value in HEADERS.items()
                if name.encode() not in present
            ]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return send_with_headers


async def refuse(status: int, send: Send) -> None:
    text = {401: b"not let in", 403: b"forbidden", 413: b"too large"}.get(status, b"bad request")
    await answer_with(send, status, text)


async def answer_with(
    send: Send, status: int, body: bytes, *, kind: str = "text/plain", **more: str
) -> None:
    """A whole answer, with the headers that all have. more: names with _ for -."""
    headers = {"content-type": kind, "content-length": str(len(body)), "cache-control": "no-store"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
