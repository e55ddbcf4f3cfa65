"""Answers only to its own page: stops DNS rebinding, cross-site requests, framing and odd bodies.

Every event of the page is an HTTP endpoint, and a website the user visits can send requests to
localhost. So a request must name this server as its Host, must come from this server's own page (or
from no page at all: a command line), and must ask for one of the few routes the page uses.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

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
WRITE_API = ("queue/join", "component_server", "cancel", "reset", "run/", "call/")
OWN = "/lorabake/"
UPLOAD = "/lorabake/upload/"

MAX_JSON = 4 * 2**20
MAX_UPLOAD = 4 * 2**30  # a zip, written as it comes; the route limits other kinds of files
MAX_DEPTH = 40

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


class Refused(Exception):
    """A request that is not ours, with the status to answer."""

    def __init__(self, status: int = 403) -> None:
        self.status = status


class Guard:
    """ASGI middleware. `hosts` is a live set of further Host values, empty on a local page."""

    def __init__(self, app: App, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # the page uses no web sockets
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        try:
            headers = single_headers(scope["headers"])
            self.check_address(scope, headers)
            check_route(scope["method"], scope["path"])
            receive = await checked_body(scope, headers, receive)
        except Refused as refused:
            return await _refuse(refused.status, send)
        return await self.app(scope, receive, _with_headers(send))

    def check_address(self, scope: Scope, headers: dict[str, str]) -> None:
        """Host is us, and the page that sent the request is ours (or there is no page)."""
        host = headers.get("host", "").lower()
        port = (scope.get("server") or ("", None))[1]
        if host not in {f"{name}:{port}" for name in LOCAL_NAMES} and host not in self.hosts:
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
        if name in headers and name in ("host", "origin", "sec-fetch-site", "content-length"):
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
        allowed = allowed or (method == "POST" and rest.startswith(WRITE_API))
    else:
        allowed = False
    if not allowed:
        raise Refused


async def checked_body(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    """Bodies are JSON of a bounded size without files in them, or one bounded upload."""
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
    body = await _read(receive, limit)
    try:
        if names_a_file(json.loads(body or b"null")):
            raise Refused
    except (ValueError, RecursionError):
        raise Refused from None
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


async def _read(receive: Receive, limit: int) -> bytes:
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


async def _refuse(status: int, send: Send) -> None:
    text = {403: b"forbidden", 413: b"too large"}.get(status, b"bad request")
    send = _with_headers(send)
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
