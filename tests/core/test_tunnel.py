"""The tunnel's program: only what was announced is ever started; and what is said when it fails."""

from __future__ import annotations

import hashlib
import http.server
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lorabake.core import tunnel
from lorabake.core.addresses import LOCAL_VARIABLE
from lorabake.core.errors import NetworkError
from lorabake.core.http import Web
from lorabake.core.tunnel import (
    Client,
    Server,
    TunnelError,
    arguments,
    ask_server,
    client_program,
    open_tunnel,
)
from tests.serving import serving

STAND_IN = Path(__file__).parents[1] / "ui" / "stand_in_tunnel.py"
GOOD = b"#!/bin/sh\necho hello\n" * 5000


class Site(http.server.BaseHTTPRequestHandler):
    """/good, /bad, /short, /page, /none: the program, in several states."""

    asked = 0

    def do_GET(self) -> None:
        Site.asked += 1
        body, length = GOOD, len(GOOD)
        if self.path == "/bad":
            body = GOOD[:-1] + b"!"
        elif self.path == "/short":
            body = GOOD[: len(GOOD) // 2]
        elif self.path == "/none":
            self.send_error(403)
            return
        elif self.path == "/server":
            body = b'[{"host": "1.2.3.4", "port": 7000, "root_ca": "PEM"}]'
            length = len(body)
        elif self.path == "/odd":
            body = b'[{"host": "1.2.3.4 --evil", "port": 7000, "root_ca": "PEM"}]'
            length = len(body)
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        kind = "text/html" if self.path == "/page" else "application/json"
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(Site) as address:
        yield address


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCAL_VARIABLE, "1")


def web() -> Web:
    return Web(tries=1, backoff=0.0, timeout=(5, 5))


def client(site: str, path: str) -> Client:
    return Client(f"{site}{path}", hashlib.sha256(GOOD).hexdigest(), "frpc")


def test_the_program_comes_once_and_is_checked_again(site: str, tmp_path: Path) -> None:
    path = client_program(web(), client(site, "/good"), tmp_path)
    assert path.read_bytes() == GOOD
    assert os.access(path, os.X_OK)
    before = Site.asked
    assert client_program(web(), client(site, "/good"), tmp_path) == path
    assert Site.asked == before
    path.write_bytes(b"#!/bin/sh\nevil")  # changed since: never started, fetched anew
    assert client_program(web(), client(site, "/good"), tmp_path).read_bytes() == GOOD
    assert Site.asked == before + 1


@pytest.mark.parametrize("path", ["/bad", "/short", "/page", "/none"])
def test_what_is_not_the_program_is_not_kept(site: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(NetworkError):
        client_program(web(), client(site, path), tmp_path)
    assert not (tmp_path / "frpc").exists()
    assert not any(os.access(one, os.X_OK) for one in tmp_path.iterdir() if one.is_file())


def test_half_of_an_earlier_day_is_not_gone_on_with(site: str, tmp_path: Path) -> None:
    (tmp_path / "frpc.part").write_bytes(b"evil" * 100)
    assert client_program(web(), client(site, "/good"), tmp_path).read_bytes() == GOOD


def test_a_program_that_vanishes_is_explained(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tunnel.replace

    def snatched(source: Path, target: Path) -> None:
        real(source, target)
        target.unlink()

    monkeypatch.setattr(tunnel, "replace", snatched)
    with pytest.raises(TunnelError, match="antivirus"):
        client_program(web(), client(site, "/good"), tmp_path)
    with pytest.raises(TunnelError, match="antivirus"):
        open_tunnel([str(tmp_path / "frpc"), "http"], tmp_path / "log.txt")


def test_no_network_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="127"):
        client_program(web(), client("http://127.0.0.1:9", "/good"), tmp_path)


def test_the_server_is_asked_for(site: str) -> None:
    assert ask_server(web(), f"{site}/server") == Server("1.2.3.4", 7000, "PEM")
    with pytest.raises(TunnelError, match="expected form"):
        ask_server(web(), f"{site}/odd")


def test_arguments_are_a_list_with_an_encrypted_way() -> None:
    argv = arguments(Path("/p"), 7861, Server("h", 1, ""), "t", Path("/c"))
    assert argv[:2] == ["/p", "http"]
    assert argv[argv.index("-l") : argv.index("-l") + 2] == ["-l", "7861"]
    assert "--tls_enable" in argv
    assert argv[-2:] == ["--tls_trusted_ca_file", "/c"]


def call(tmp_path: Path, patience: float = 20.0, port: int = 9) -> Any:
    argv = [sys.executable, str(STAND_IN), "http", "-l", str(port)]
    return open_tunnel(argv, tmp_path / "log.txt", patience=patience)


def test_an_address_comes_and_the_process_goes_with_it(tmp_path: Path) -> None:
    found = call(tmp_path)
    assert found.url.startswith("http://127.0.0.1:")
    assert found.works
    found.close()
    assert not found.works


@pytest.mark.parametrize(
    ("mood", "patience", "sentence"),
    [
        ("full", 20.0, "may be full"),
        ("gone", 20.0, "did not let this computer in"),
        ("killed", 20.0, "ended as soon as it began, which antivirus programs do"),
        ("lying", 20.0, "an address that is none"),
        ("silent", 1.0, "No link came"),
    ],
)
def test_failures_are_sentences_and_leave_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mood: str, patience: float, sentence: str
) -> None:
    monkeypatch.setenv("MOOD", mood)
    started: list[Any] = []
    real = tunnel.start_detached

    def noted(*args: Any, **more: Any) -> Any:
        started.append(real(*args, **more))
        return started[-1]

    monkeypatch.setattr(tunnel, "start_detached", noted)
    with pytest.raises(TunnelError, match=sentence):
        call(tmp_path, patience)
    assert started[0].poll() is not None
