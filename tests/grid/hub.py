"""A Hugging Face that takes uploads, on this machine: repositories, LFS and commits, as its API says.

with taking() as hub:
    hub.address, hub.repos["me/kafka"].files["kafka.safetensors"]
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KEY = "hf_wr1teK3y"
_REPO = re.compile(r"/(?:api/models/)?([\w.-]+/[\w.-]+?)(?:\.git)?(/.*)?")


@dataclass
class Repo:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Hub:
    address: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@contextmanager
def taking() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.hub.paths.append(self.path)
        if path.startswith("/objects/"):  # a signed address of its own: no key goes there
            assert "Authorization" not in self.headers
            self.hub.objects[path.rpartition("/")[2]] = body
            return self._send(200, {})
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.hub.keys.append(key)
        if key != KEY:
            return self._send(401, {"error": f"Invalid token {key}"})
        status, said = self._said(path, body)
        return self._send(status, said)

    def _said(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/api/validate-yaml":
            assert json.loads(body)["content"].startswith("---\n")
            return 200, {"errors": [], "warnings": []}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        match = _REPO.fullmatch(path)
        assert match, path
        name, rest = match[1], match[2] or ""
        repo = self.hub.repos[name]
        if rest.startswith("/preupload"):
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if not file["path"].endswith(("json", "md")) else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            return 200, {"files": files}
        if rest == "/info/lfs/objects/batch":
            objects = [
                one | {"actions": {"upload": {"href": f"{self.hub.address}/objects/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return 200, {"objects": objects, "transfer": "basic"}
        if rest.startswith("/commit"):
            return self._commit(repo, name, body)
        siblings = [{"rfilename": file} for file in repo.files]
        return 200, {"id": name, "private": repo.private, "siblings": siblings}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = {"url": f"{self.hub.address}/{name}"}
        if name in self.hub.repos:
            return 409, {**url, "error": "You already created this model repo"}
        private = asked.get("private", asked.get("visibility") == "private")
        self.hub.repos[name] = Repo(bool(private))
        return 200, url

    def _commit(self, repo: Repo, name: str, body: bytes) -> tuple[int, Any]:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                repo.files[value["path"]] = self.hub.objects[value["oid"]]
        commit = "c0ffee" + "0" * 34
        url = f"{self.hub.address}/{name}/commit/{commit}"
        return 200, {"success": True, "commitOid": commit, "commitUrl": url}

    def _send(self, status: int, said: Any) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
