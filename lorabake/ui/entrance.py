"""The door of a link: a page to enter a code, and nothing else for who has no session.

It listens on a port of its own, to which only the tunnel leads. Whatever comes in here is from
somebody else, whatever it says about itself: its Host must be the link's, its scheme is the link's, and
what proxies say on the way is thrown away. Works without scripts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from lorabake.core.limits import limits
from lorabake.ui.guard import (
    FORWARDED,
    App,
    Receive,
    Refused,
    Scope,
    Send,
    answer_with,
    read_body,
    refuse,
    single_headers,
)
from lorabake.ui.language import asked_for, say, tag_of
from lorabake.ui.link import DoorClosed, Link
from lorabake.ui.roles import Person
from lorabake.ui.theme import tokens_css

COOKIE = "lorabake"
ENTER, LEAVE, HERE = "/lorabake/enter", "/lorabake/leave", "/lorabake/here"
MAX_FORM = 4096  # bytes


class LinkGate:
    """Who a request through the tunnel is from: only who has a session, and never the owner."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def hosts(self, scope: Scope) -> set[str]:
        return {self.link.host} if self.link.lives else set()

    def person(self, headers: dict[str, str]) -> Person:
        found = self.link.person(session_of(headers))
        if found is None or found.is_owner or found.role not in limits().roles:
            raise Refused(401)
        return found


class Entrance:
    """In front of the guard of the tunnel's port. page: the guarded app."""

    def __init__(self, page: App, link: Link, left: Callable[[str], None]) -> None:
        self.page = page
        self.link = link
        self.left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.page(scope, receive, send)
        try:
            scope = self.as_it_came(scope)
            headers = single_headers(scope["headers"])
            if headers.get("host", "").lower() not in LinkGate(self.link).hosts(scope):
                raise Refused
            person = self.link.person(session_of(headers))
            path, method = scope["path"], scope["method"]
            if path == HERE and method == "GET":
                _same_site(headers, self.link.host)
                return await self.here(person, send)
            if path == LEAVE and method == "POST":
                _same_site(headers, self.link.host)
                self.link.leave(session_of(headers))
                self.left(person.session if person else "")
                return await answer_with(send, 303, b"", location=ENTER, **_cookie("", self.link))
            if path == ENTER:
                return await self.enter(person, method, headers, receive, send)
            if path == "/" and method == "GET" and person is None:
                # A strict cookie does not come with a link that was followed from another site, but
                # does with the next step, which is from here.
                return await _page(send, 200, "", "", headers, onward=ENTER)
            if person is None:
                raise Refused(401)
        except Refused as refused:
            return await refuse(refused.status, send)
        return await self.page(scope, receive, send)

    def as_it_came(self, scope: Scope) -> Scope:
        """Without what proxies say, and with the link's scheme: the page's addresses depend on it."""
        dropped = {name.encode() for name in FORWARDED}
        headers = [(key, value) for key, value in scope["headers"] if key.lower() not in dropped]
        return {**scope, "headers": headers, "scheme": self.link.scheme}

    async def here(self, person: Person | None, send: Send) -> None:
        """For the page's script: am I still in?"""
        told = {"role": person.role, "name": person.name} if person else {}
        status = 200 if person else 401
        await answer_with(send, status, json.dumps(told).encode(), kind="application/json")

    async def enter(
        self,
        person: Person | None,
        method: str,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        if method in ("GET", "HEAD"):
            if person is not None:
                await answer_with(send, 303, b"", location="/")
            else:
                await _page(send, 200, "", "", headers)
            return
        if method != "POST":
            raise Refused
        _same_site(headers, self.link.host)
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused
        body = await read_body(receive, MAX_FORM)
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8)
        name = form.get("name", [""])[0]
        try:
            token = self.link.enter(form.get("code", [""])[0], name)
        except DoorClosed as closed:
            await _page(send, 403, str(closed), name, headers)
            return
        await answer_with(send, 303, b"", location="/", **_cookie(token, self.link))


def session_of(headers: dict[str, str]) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _cookie(token: str, link: Link) -> dict[str, str]:
    """The header that sets the session, or takes it away."""
    parts = [f"{COOKIE}={token}", "Path=/", "HttpOnly", "SameSite=Strict"]
    if link.scheme == "https":
        parts.append("Secure")
    if not token:
        parts.append("Max-Age=0")
    return {"set_cookie": "; ".join(parts)}


def _same_site(headers: dict[str, str], host: str) -> None:
    """From a page of ours. A browser that says neither is an old one; it has no session to lose."""
    for name in ("origin", "referer"):
        if name in headers and urlsplit(headers[name]).netloc.lower() != host:
            raise Refused
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Refused


async def _page(
    send: Send, status: int, problem: str, name: str, headers: dict[str, str], onward: str = ""
) -> None:
    """The form, in the first language of the browser's that there is."""
    code = asked_for(headers.get("accept-language", ""))
    onward_tag = f'<meta http-equiv="refresh" content="0;url={onward}">' if onward else ""
    said = (
        f'<p class="bad" role="alert"><b>{say(NOT_LET_IN, code)}</b> {escape(say(problem, code))}</p>'
        if problem
        else ""
    )
    html = _HTML.format(
        tokens=tokens_css().replace(".dark{", "@media (prefers-color-scheme: dark){:root{") + "}",
        onward=onward_tag,
        said=said,
        name=escape(name[:200], quote=True),
        enter=ENTER,
        language=tag_of(code),
        **{key: escape(say(text, code)) for key, text in TEXTS.items()},
    )
    await answer_with(send, status, html.encode(), kind="text/html; charset=utf-8")


NOT_LET_IN = "Not let in."
TEXTS = {
    "title": "lorabake: come in",
    "heading": "Help with a LoRA",
    "invited": "Somebody has invited you to their lorabake. You need the code they gave you; it opens "
    "the door once.",
    "your_name": "Your name",
    "code": "Code",
    "come_in": "Come in",
    "seen": "The owner sees your name and what you change, and can end the visit at any moment.",
}
_HTML = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{onward}
<style>{tokens}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
  background: var(--lb-page); color: var(--lb-ink); font: 16px/1.5 var(--lb-sans); }}
main {{ width: 100%; max-width: 420px; padding: 28px; border: 1px solid var(--lb-line);
  border-radius: 10px; background: var(--lb-surface); }}
h1 {{ margin: 0 0 8px; font-size: 21px; line-height: 1.2; }}
p {{ margin: 0 0 16px; color: var(--lb-muted); }}
label {{ display: block; margin: 16px 0 4px; font-weight: 600; }}
input {{ width: 100%; min-height: 44px; padding: 8px 12px; border: 1px solid var(--lb-edge);
  border-radius: 6px; background: var(--lb-page); color: var(--lb-ink); font: inherit; }}
input[name=code] {{ font-family: var(--lb-mono); letter-spacing: 0.02em; }}
button {{ width: 100%; min-height: 44px; margin-top: 24px; border: 0; border-radius: 6px;
  background: var(--lb-accent); color: var(--lb-on-accent); font: inherit; font-weight: 600; cursor: pointer; }}
button:hover {{ background: var(--lb-accent-hover); }}
:focus-visible {{ outline: 2px solid var(--lb-accent); outline-offset: 2px; }}
.bad {{ padding: 10px 12px; border: 1px solid var(--lb-bad); border-radius: 6px; color: var(--lb-bad); }}
.small {{ margin: 16px 0 0; font-size: 14px; }}
</style></head><body><main>
<h1>{heading}</h1>
<p>{invited}</p>
{said}
<form method="post" action="{enter}">
<label for="name">{your_name}</label>
<input id="name" name="name" maxlength="40" autocomplete="nickname" required value="{name}">
<label for="code">{code}</label>
<input id="code" name="code" maxlength="60" autocomplete="off" autocapitalize="characters" spellcheck="false" required>
<button>{come_in}</button>
</form>
<p class="small">{seen}</p>
</main></body></html>
"""
