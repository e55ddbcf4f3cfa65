"""A visitor of the demo, as their browser asks: with a cookie of its own, and by HTTP only."""

from __future__ import annotations

import io
import json
import re
import secrets
from typing import Any
from urllib.parse import quote

from PIL import Image

from lorabake.core.workspace import Workspace
from tests.ui.conftest import Page

SAMPLE = "practice"


class Visitor:
    """headers: of the answer to the first request; cookie: as it is sent back."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tab = secrets.token_hex(5)
        self.cookie = ""
        status, self.headers, body = self.request("GET", "/")
        assert status == 200
        self.cookie = self.headers["set-cookie"].split(";")[0]
        found = re.search(rb"window\.gradio_config = (\{.*?\});</script>", body, re.DOTALL)
        assert found is not None
        self.functions = {
            name: component["id"]
            for component in json.loads(found[1])["components"]
            for name in component["props"].get("server_fns") or ()
        }

    def request(
        self, method: str, path: str, body: Any = None
    ) -> tuple[int, dict[str, str], bytes]:
        return self.page.request(method, path, body, {"Cookie": self.cookie} if self.cookie else {})

    def ask(self, name: str, /, **data: Any) -> dict[str, Any]:
        status, answer = self.ask_anything(name, data)
        assert status == 200, (name, status)
        return dict(answer)

    def ask_anything(self, name: str, data: dict[str, Any]) -> tuple[int, Any]:
        body = {
            "data": data,
            "component_id": self.functions[name],
            "fn_name": name,
            "session_hash": self.tab,
        }
        status, _, answer = self.request("POST", "/gradio_api/component_server", body)
        return status, json.loads(answer) if status == 200 else answer

    def upload(self, batch: str, name: str, content: bytes) -> tuple[int, str]:
        status, _, told = self.request(
            "PUT", f"/lorabake/upload/{batch}?name={quote(name)}", content
        )
        return status, told.decode()

    def add(self, names: dict[str, bytes], folder: str = "mine", project: str = SAMPLE) -> Any:
        """Drop pictures into a folder of a project; the notes that come back."""
        batch = str(secrets.randbelow(10**12) + 10**12)
        for name, content in names.items():
            assert self.upload(batch, name, content) == (200, "ok")
        return self.ask("lb_import", project=project, batch=batch, name=folder, repeats=1)["notes"]

    def captions(self, project: str = SAMPLE) -> list[Any]:
        return list(self.ask("lb_editor", project=project)["rows"])


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (96, 96)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def workspaces_of(page: Page) -> list[Workspace]:
    """What the visitors have on disk, to look behind the page's back."""
    return [Workspace(folder) for folder in sorted((page.workspace / "visitors").iterdir())]
