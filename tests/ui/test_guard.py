"""Any website the user visits can send requests to localhost; none of them may get through.

The probes are raw bytes on a socket, so that no library tidies them up on the way.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lorabake.core import limits
from lorabake.ui import guard
from tests.ui.conftest import Page, running_page

EVIL = "http://evil.example"
CALL = b'{"data":{"project":""},"component_id":5,"fn_name":"lb_pulse","session_hash":"probe"}'
FILE = {"path": "http://169.254.169.254/latest/meta-data", "meta": {"_type": "gradio.FileData"}}

WRITES = (
    "/gradio_api/component_server",
    "/gradio_api/component_server/",
    "/gradio_api/queue/join",
    "/gradio_api/queue/join?",
    "/gradio_api/run/predict",
    "/gradio_api/call/predict",
    "/gradio_api/cancel",
    "/gradio_api/reset",
)
READS = (
    "/",
    "/config",
    "/gradio_api/info",
    "/lorabake/id",
    "/gradio_api/queue/data?session_hash=a",
)
NOT_THERE = (
    "/gradio_api/upload",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=app.py",
    "/gradio_api/proxy=http://evil.example/",
    "/gradio_api/stream/a/b/c/playlist.m3u8",
    "/gradio_api/runs",
    "/gradio_api/mcp/sse",
    "/gradio_api/upload_progress?upload_id=a",
    "/gradio_api/openapi.json",
    "/monitoring",
    "/monitoring/summary",
    "/openapi.json",
    "/docs",
    "/login",
    "/file=/etc/passwd",
    "/custom_component/x/y/z/style.css",
)


SENT: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _counted(figures: dict[str, Any]) -> Iterator[None]:
    SENT.clear()
    yield
    figures.setdefault("probes", {})["on one's own computer"] = dict(SENT)


def send(port: int, method: str, path: str, headers: list[str], body: bytes = b"") -> int:
    """The status of a request written by hand; 0 when the connection was closed."""
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        answer = connection.recv(64)
    status = int(answer.split()[1]) if answer else 0
    SENT["served" if status == 200 else "refused"] += 1
    return status


def own(page: Page, *more: str) -> list[str]:
    return [f"Host: 127.0.0.1:{page.port}", *more]


FOREIGN_HOSTS = (
    "Host: evil.example",
    "Host: evil.example:{port}",
    "Host: 127.0.0.1",
    "Host: localhost:1",
    "Host: 127.0.0.1.nip.io:{port}",
    "Host: localhost.evil.example:{port}",
    "Host: 127.0.0.1:{port}@evil.example",
    "Host: 0.0.0.0:{port}",
    "Host: ",
    "Host: 127.0.0.1:{port}\r\nHost: evil.example",
)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_foreign_hosts_are_refused(page: Page, host: str) -> None:
    """DNS rebinding: the browser believes that evil.example is this machine."""
    line = host.format(port=page.port)
    json_type = "Content-Type: application/json"
    assert send(page.port, "GET", "/config", [line]) in (400, 403)
    assert send(page.port, "POST", WRITES[0], [line, json_type], CALL) in (400, 403)


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "sender",
    [
        f"Origin: {EVIL}",
        "Origin: null",
        "Origin: http://127.0.0.1:1",
        "Origin: http://localhost:{port}",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        f"Referer: {EVIL}/page",
    ],
)
def test_cross_site_posts_are_refused(page: Page, path: str, sender: str) -> None:
    headers = own(page, sender.format(port=page.port), "Content-Type: application/json")
    assert send(page.port, "POST", path, headers, CALL) == 403


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_bodies_a_form_can_send_are_refused(page: Page, path: str, kind: str) -> None:
    """They need no permission of the browser's, and Gradio reads two of them."""
    assert send(page.port, "POST", path, own(page, f"Content-Type: {kind}"), CALL) == 403


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("sender", [f"Origin: {EVIL}", "Sec-Fetch-Site: cross-site"])
def test_cross_site_reads_are_refused(page: Page, path: str, sender: str) -> None:
    assert send(page.port, "GET", path, own(page, sender)) == 403


@pytest.mark.parametrize("path", [*READS, *WRITES])
def test_preflights_are_refused(page: Page, path: str) -> None:
    headers = own(page, f"Origin: {EVIL}", "Access-Control-Request-Method: POST")
    assert send(page.port, "OPTIONS", path, headers) == 403


@pytest.mark.parametrize("place", ["iframe", "frame", "embed", "object", "script", "image"])
def test_framing_and_embedding_are_refused(page: Page, place: str) -> None:
    mode = "navigate" if place in ("iframe", "frame", "embed", "object") else "no-cors"
    more = ("Sec-Fetch-Site: cross-site", f"Sec-Fetch-Mode: {mode}", f"Sec-Fetch-Dest: {place}")
    assert send(page.port, "GET", "/", own(page, *more)) == 403


def test_a_followed_link_is_served(page: Page) -> None:
    more = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert send(page.port, "GET", "/", own(page, *more, f"Referer: {EVIL}/")) == 200
    assert send(page.port, "GET", "/config", own(page, *more)) == 403


@pytest.mark.parametrize("path", NOT_THERE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_page_does_not_use_is_not_there(page: Page, path: str, method: str) -> None:
    assert send(page.port, method, path, own(page, "Content-Type: application/json"), b"{}") == 403


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "TRACE", "CONNECT"])
def test_other_methods_are_refused(page: Page, method: str) -> None:
    assert send(page.port, method, "/gradio_api/component_server", own(page)) in (400, 403)


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/run/predict", WRITES[0]])
@pytest.mark.parametrize(
    "data",
    [
        [FILE],
        {"files": [{"inner": FILE}]},
        [{"path": "https://evil.example/a.png"}],
        [{"path": "HTTP://evil.example/a.png"}],
        [{"path": " file:///etc/passwd"}],
        [{"url": "ftp://evil.example/"}],
        [{"path": "a.png", "meta": {"_type": "gradio.FileData"}}],
    ],
)
def test_bodies_that_name_files_are_refused(page: Page, path: str, data: object) -> None:
    """Gradio would fetch them into memory, or copy them into its cache."""
    body = json.dumps({"data": data, "fn_index": 0, "session_hash": "probe"}).encode()
    headers = own(page, "Content-Type: application/json")
    assert send(page.port, "POST", path, headers, body) == 403


def test_broken_and_huge_bodies_are_refused(page: Page) -> None:
    json_type = "Content-Type: application/json"
    deep = b"[" * 100_000
    assert send(page.port, "POST", WRITES[0], own(page, json_type), b"{") == 403
    assert send(page.port, "POST", WRITES[0], own(page, json_type), deep) == 403
    big = [f"Content-Length: {guard.MAX_JSON + 1}", json_type]
    assert send(page.port, "POST", WRITES[0], own(page, *big)) == 413
    upload = "/lorabake/upload/123456789?name=a.png"
    for name, most in (
        ("a.png", limits.LOCAL.upload_file),
        ("a.pth", limits.LOCAL.upload_model),
        ("a.zip", guard.MAX_UPLOAD),
    ):
        big = [f"Content-Length: {most + 1}"]
        assert send(page.port, "PUT", upload.replace("a.png", name), own(page, *big)) == 413
    assert send(page.port, "PUT", upload, own(page, f"Origin: {EVIL}"), b"x") == 403


def test_chunked_bodies_are_counted(page: Page) -> None:
    """Without a length the bytes themselves are what counts."""
    headers = own(page, "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (2**20, b" " * 2**20)
    lines = [f"POST {WRITES[0]} HTTP/1.1", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", page.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        try:
            for _ in range(8):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except ConnectionError:
            pass  # refused while we were still sending
        else:
            assert int(connection.recv(64).split()[1]) == 413


def test_web_sockets_are_refused(page: Page) -> None:
    more = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    assert send(page.port, "GET", "/", own(page, *more, key, f"Origin: {EVIL}")) in (400, 403)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_page_itself_is_served(page: Page, name: str) -> None:
    host = f"Host: {name}:{page.port}"
    same = (f"Origin: http://{name}:{page.port}", "Sec-Fetch-Site: same-origin")
    assert send(page.port, "GET", "/", [host]) == 200
    json_type = "Content-Type: application/json"
    assert send(page.port, "POST", WRITES[0], [host, *same, json_type], pulse_of(page)) == 200


def pulse_of(page: Page) -> bytes:
    """CALL, for the component that has the function."""
    parts = json.loads(page.request("GET", "/config")[2])["components"]
    found = [one["id"] for one in parts if "lb_pulse" in (one["props"].get("server_fns") or ())]
    return json.dumps({**json.loads(CALL), "component_id": found[0]}).encode()


def test_every_answer_carries_the_security_headers(page: Page) -> None:
    for path in ("/", "/lorabake/id", "/theme.css", "/gradio_api/upload", "/nowhere"):
        _, headers, _ = page.request("GET", path)
        for name, value in guard.HEADERS.items():
            assert headers[name] == value, (path, name)
    assert "frame-ancestors 'none'" in guard.CSP
    assert "http" not in guard.CSP  # no other host


def test_who_we_are(page: Page) -> None:
    status, headers, body = page.request("GET", "/lorabake/id")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["app"] == "lorabake"


@pytest.mark.parametrize(
    "path",
    [
        "/lorabake/thumb/nobody/abc",
        "/lorabake/thumb/..%2f..%2fetc/passwd",
        "/lorabake/image/%2e%2e/abc",
        "/lorabake/cell/a/b/c/..%2f..%2frecipe.toml",
        "/lorabake/cell/../../../etc/passwd",
        "/lorabake/sheet/a/b/..",
        "/lorabake/sample/a/b/..%2f..%2frecipe.toml",
        "/lorabake/sample/%2e%2e/%2e%2e/recipe.toml",
        "/lorabake/small-sample/a/b/x.png",
        "/lorabake/settings/nobody/lets",
        "/lorabake/settings/%2e%2e/lorabake",
    ],
)
def test_names_lead_nowhere_else(page: Page, path: str) -> None:
    assert page.request("GET", path)[0] in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/lorabake/upload/../../x?name=a.png",
        "/lorabake/upload/12ab5678?name=a.png",
        "/lorabake/upload/123456789?name=..%2f..%2fa.png",
        "/lorabake/upload/123456789?name=CON",
        "/lorabake/upload/123456789?name=",
    ],
)
def test_uploads_go_nowhere_else(page: Page, path: str) -> None:
    assert page.request("PUT", path, b"x")[0] in (400, 403, 404)


# --- what is settled before Gradio starts --------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page started with settings in the environment that would open it up."""
    folder = tmp_path_factory.mktemp("hostile") / "workspace"
    hostile = {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SHARE": "True",
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_ROOT_PATH": "http://evil.example",
        "GRADIO_MCP_SERVER": "True",
        "GRADIO_TEMP_DIR": "/tmp",
        "GRADIO_ANALYTICS_ENABLED": "True",
        "GRADIO_NUM_WORKERS": "2",
        "GRADIO_SERVER_PORT": "1",
    }
    with running_page(folder, **hostile) as running:
        yield running


def test_settings_from_the_environment_are_dropped(hostile: Page) -> None:
    config = json.loads(hostile.request("GET", "/config")[2])
    assert config["root"].startswith("http://127.0.0.1")
    assert config["analytics_enabled"] is False
    assert hostile.request("GET", "/gradio_api/file=/etc/hostname")[0] == 403
    environment = Path(f"/proc/{hostile.process.pid}/environ")
    if environment.exists():  # what the process was started with is still there to read
        assert b"GRADIO_SHARE" in environment.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_cache_is_private_and_working_folder_empty(hostile: Page) -> None:
    cache = hostile.workspace / ".cache"
    for folder in (cache, cache / "gradio", cache / "empty", cache / "uploads"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    working = Path(f"/proc/{hostile.process.pid}/cwd")
    if working.exists():
        assert working.resolve() == (cache / "empty").resolve()
        assert not list(working.iterdir())


def test_it_listens_on_this_machine_only(hostile: Page) -> None:
    """GRADIO_SERVER_NAME would have opened it to the network."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("only Linux lists its sockets there")
    port = f"{hostile.port:04X}"
    listening = [
        line.split()[1]
        for line in table.read_text(encoding="utf-8").splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert [address for address in listening if address.endswith(f":{port}")] == [
        f"0100007F:{port}"
    ]
