"""A Hugging Face, a Civitai and a server of files on this machine, as good or as bad as a test wants.

with serving() as site:
    site.put("org/repo", "model.safetensors", data)
    site.misbehave("truncate", times=1)
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    port: int


@dataclass
class Site:
    """The state of the servers. hub: speaks for itself; files: another origin, for redirects."""

    hub: str = ""
    files: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    wanted_key: str = ""
    pause: float = 0.0
    chunk: int = 0
    _plans: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def put(self, repo: str, file: str, data: bytes) -> str:
        self.contents[f"{repo}/{file}"] = data
        return hashlib.sha256(data).hexdigest()

    def misbehave(self, how: str, times: int = 1) -> None:
        """For the next GETs of a file; see `_Handler._send_file`."""
        self._plans += [how] * times

    def next_plan(self) -> str:
        with self._guard:
            return self._plans.pop(0) if self._plans else ""

    def gets(self, part: str = "") -> list[Request]:
        return [r for r in self.requests if r.method == "GET" and part in r.path]

    def ranges(self) -> list[str]:
        return [r.headers["range"] for r in self.requests if "range" in r.headers]


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    servers = []
    for _ in range(2):
        handler = type("Handler", (_Handler,), {"site": site})
        server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    site.hub, site.files = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield site
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Whoever asked may go at any moment; that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        port = self.server.server_address[1]
        self.site.requests.append(Request(self.command, self.path, sent, port))
        path = urlsplit(self.path).path
        if path.startswith("/blob/"):
            self._send_file(self.site.contents.get(path.removeprefix("/blob/")))
        elif path.startswith("/api/v1/model-versions/"):
            self._civitai(path.rpartition("/")[2])
        elif path.startswith("/api/download/models/"):
            self._pass_on(path.rpartition("/")[2])
        elif path.startswith("/loop"):
            self._head(302, {"Location": f"/loop{time.time_ns()}"})
        elif path.startswith("/plain/"):
            self._send_file(self.site.contents.get(path.removeprefix("/plain/")))
        else:
            self._resolve(path)

    # --- Hugging Face ---

    def _resolve(self, path: str) -> None:
        repo, _, rest = path.strip("/").partition("/resolve/")
        _, _, file = rest.partition("/")
        if not self._allowed():
            self._head(
                401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
            )
            return
        data = self.site.contents.get(f"{repo}/{file}")
        if data is None:
            known = any(name.startswith(f"{repo}/") for name in self.site.contents)
            code = "EntryNotFound" if known else "RepoNotFound"
            self._head(404, {"X-Error-Code": code, "X-Error-Message": code})
            return
        told = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        if file.endswith(".csv"):  # small files are in git itself
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self._send_file(data, told | {"ETag": f'"{blob}"'})
            return
        told["X-Linked-Etag"] = f'"{hashlib.sha256(data).hexdigest()}"'
        self._head(
            302, told | {"Location": f"{self.site.files}/blob/{repo}/{file}?Signature=s3cr3t"}
        )

    # --- Civitai ---

    def _civitai(self, version: str) -> None:
        told = self.site.versions.get(version)
        if told is None:
            self._body(404, b'{"error":"Model not found"}', {"Content-Type": "application/json"})
        else:
            self._body(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _pass_on(self, version: str) -> None:
        if not self._allowed():
            self._body(401, b"{}", {"Content-Type": "application/json"})
            return
        plan = self.site.next_plan()
        targets = {
            "to private": "https://10.11.12.13/model.safetensors",
            "to metadata": "http://169.254.169.254/latest",
            "to plain": "http://example.org/model.safetensors",
            "in circles": f"{self.site.files}/loop",
        }
        elsewhere = f"{self.site.files}/blob/civitai/{version}?X-Amz-Signature=s3cr3t"
        self._head(307, {"Location": targets.get(plan, elsewhere)})

    # --- files ---

    def _send_file(self, data: bytes | None, extra: dict[str, str] | None = None) -> None:
        plan = self.site.next_plan() if self.command == "GET" else ""
        if plan == "busy":
            self._body(429, b"slow down", {"Retry-After": "1"})
            return
        if plan == "busy in a while":
            self._body(429, b"slow down", {"Retry-After": "30"})
            return
        if plan == "very busy":
            self._body(429, b"slow down", {"Retry-After": "7200"})
            return
        if plan == "html":
            self._body(200, b"<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})
            return
        if data is None:
            self._body(404, b"", {})
            return
        if plan == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if plan == "huge":
            self._head(200, {"Content-Length": str(2**50)}, close=True)
            return
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        headers = {"ETag": etag, "Content-Type": "application/octet-stream", **(extra or {})}
        status, start = 200, 0
        asked = self.headers.get("Range", "")
        fits = self.headers.get("If-Range") in (None, headers["ETag"])
        if asked.startswith("bytes=") and fits and plan != "no ranges":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self._head(416, {"Content-Range": f"bytes */{len(data)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if plan == "truncate":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        if plan == "stall":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(3)
            self.close_connection = True
            return
        self._write(body)

    def _write(self, body: bytes) -> None:
        size = self.site.chunk or len(body) or 1
        try:
            for offset in range(0, len(body), size):
                self.wfile.write(body[offset : offset + size])
                self.wfile.flush()
                time.sleep(self.site.pause)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def _allowed(self) -> bool:
        wanted = self.site.wanted_key
        return not wanted or self.headers.get("Authorization") == f"Bearer {wanted}"

    def _head(self, status: int, headers: dict[str, str], close: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = self.close_connection or close

    def _body(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
