"""The demo's door: it knows a visitor by a cookie, and gives one to who comes for the first time.

On a Space the page stands in a frame on huggingface.co. The cookie of a framed page is a third-party
one, so it must be `SameSite=None; Secure`, and `Partitioned` for browsers that keep such cookies apart
for each site around. See docs/space.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

from lorabake.ui.guard import (
    CSP,
    LOCAL_NAMES,
    App,
    Message,
    Receive,
    Refused,
    Scope,
    Send,
    single_headers,
)
from lorabake.ui.roles import NOBODY, Person
from lorabake.ui.visitors import Visitors

COOKIE, FRAMED_COOKIE = "lorabake-demo", "__Host-lorabake-demo"
HUB = "https://huggingface.co"  # the only page that may hold ours in a frame
FRAMED_CSP = CSP.replace("frame-ancestors 'none'", f"frame-ancestors {HUB}")
# Said by the page around, about a step that changes nothing: opening the start page.
ABOUT_THE_STEP = (b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-dest", b"sec-fetch-mode")


class DemoGate:
    """Who a request to the demo is from: a visitor or nobody, and never the owner.

    host: the Space's own, "" when the demo runs on one's own computer.
    """

    def __init__(self, visitors: Visitors, host: str = "") -> None:
        self.visitors = visitors
        self.host = host.lower()

    @property
    def cookie(self) -> str:
        return FRAMED_COOKIE if self.host else COOKIE

    def hosts(self, scope: Scope) -> Iterable[str]:
        port = (scope.get("server") or ("", None))[1]
        return {*filter(None, [self.host]), *(f"{name}:{port}" for name in LOCAL_NAMES)}

    def person(self, headers: dict[str, str]) -> Person:
        return self.visitors.person(_cookie_of(headers, self.cookie)) or NOBODY


class Porch:
    """In front of the guard. page: the guarded app."""

    def __init__(self, page: App, gate: DemoGate) -> None:
        self.page = page
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.page(scope, receive, send)
        cookie = ""
        if scope["method"] == "GET" and scope["path"] == "/":
            cookie = self._for_newcomer(scope)
            scope = _as_typed_in(scope)
        return await self.page(scope, receive, self._with_headers(send, cookie))

    def _for_newcomer(self, scope: Scope) -> str:
        """The header's value that makes somebody a visitor; "" for who is one."""
        try:
            headers = single_headers(scope["headers"])
        except Refused:  # the guard will say so
            return ""
        if self.gate.person(headers) is not NOBODY:
            return ""
        parts = [f"{self.gate.cookie}={self.gate.visitors.come()}", "Path=/", "HttpOnly"]
        if self.gate.host:
            return "; ".join([*parts, "Secure", "SameSite=None", "Partitioned"])
        return "; ".join([*parts, "SameSite=Lax"])

    def _with_headers(self, send: Send, cookie: str) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if self._stays(pair[0])]
                if self.gate.host:
                    headers.append((b"content-security-policy", FRAMED_CSP.encode()))
                if cookie and message["status"] == 200:
                    headers += [(b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
                message = {**message, "headers": headers}
            await send(message)

        return send_with_headers

    def _stays(self, name: bytes) -> bool:
        if not self.gate.host:
            return True
        return name.lower() not in (b"x-frame-options", b"content-security-policy")


def _as_typed_in(scope: Scope) -> Scope:
    """Without what the page around says of itself, when it opens ours in a frame or by a link."""
    modes = {key.lower(): value for key, value in scope["headers"]}
    if modes.get(b"sec-fetch-mode") != b"navigate":
        return scope
    headers = [pair for pair in scope["headers"] if pair[0].lower() not in ABOUT_THE_STEP]
    return {**scope, "headers": headers}


def _cookie_of(headers: dict[str, str], name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
