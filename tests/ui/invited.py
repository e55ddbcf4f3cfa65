"""Both ends of a link for remote help, by HTTP only: the owner who made it, and who came in by it."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.ui.conftest import Page


class Visitor:
    """Somebody at the link's address, with a cookie of their own and no scripts."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.cookie = ""

    def request(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Host", self.host)
        if self.cookie:
            sent.setdefault("Cookie", self.cookie)
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        finally:
            connection.close()

    def enter(self, code: str, name: str = "Mika") -> tuple[int, str]:
        form = urlencode({"code": code, "name": name}).encode()
        kind = "application/x-www-form-urlencoded"
        status, headers, body = self.request(
            "POST", "/lorabake/enter", form, Content_Type=kind, Origin=f"http://{self.host}"
        )
        self.cookie = headers.get("set-cookie", "").split(";")[0]
        return status, headers.get("set-cookie", "") or body.decode()

    def ask(self, page: Parts, name: str, **data: Any) -> Any:
        body = page.call(name, data)
        status, _, answer = self.request("POST", "/gradio_api/component_server", body)
        return json.loads(answer) if status == 200 else status


class Parts:
    """The functions of a running page, by name, as its scripts find them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        config = json.loads(page.request("GET", "/config")[2])
        self.where = {
            name: part["id"]
            for part in config["components"]
            for name in part["props"].get("server_fns") or ()
        }

    def call(self, name: str, data: Any) -> dict[str, Any]:
        return {
            "data": data,
            "component_id": self.where[name],
            "fn_name": name,
            "session_hash": "test",
        }

    def ask(self, name: str, **data: Any) -> Any:
        """As the owner."""
        status, _, answer = self.page.request(
            "POST", "/gradio_api/component_server", self.call(name, data)
        )
        assert status == 200
        return json.loads(answer)

    def open(self) -> str:
        """A new link; its address."""
        assert self.ask("lb_link_start", hours=1) == {}
        return str(self.until("open")["url"])

    def until(self, state: str) -> Any:
        end = time.monotonic() + 60
        while (view := self.ask("lb_link"))["state"] != state:
            assert time.monotonic() < end, view
            time.sleep(0.05)
        return view


def helper(parts: Parts, url: str, role: str = "helper", name: str = "Mika") -> Visitor:
    visitor = Visitor(url)
    status, said = visitor.enter(parts.ask("lb_link_code", role=role)["code"], name)
    assert status == 303, said
    return visitor
