"""The real page in a process of its own, as a user starts it."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lorabake.core.addresses import LOCAL_VARIABLE
from lorabake.core.vocabulary.fetch import SITE_VARIABLE

if TYPE_CHECKING:  # playwright need not be there for the tests without a browser
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 120.0  # seconds; generous, because other work on the machine must not fail a test


@dataclass
class Page:
    """A running page. port: of 127.0.0.1; log: what it printed."""

    port: int
    workspace: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body); a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_page(
    workspace: Path,
    *,
    port: int | None = None,
    program: Path = ROOT / "app.py",
    options: Sequence[str] = (),
    **environment: str,
) -> Page:
    """Start app.py (or a program that does the same) and wait until it answers.

    The port is drawn, so that two test runs on one machine do not get each other's pages.
    """
    port = port or random.randrange(20_000, 30_000)
    log = workspace.with_name(f"{workspace.name}-page.log")
    command = [sys.executable, str(program), "--no-browser"]
    command += ["--workspace", str(workspace), "--port", str(port), *options]
    server_file = workspace / ".cache" / "server.json"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    page = Page(0, workspace, process, log)
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        try:
            found = json.loads(server_file.read_text(encoding="utf-8"))
            if found["pid"] == process.pid:
                page.port = found["port"]
                if page.request("GET", "/lorabake/id")[0] in (200, 403):  # of the demo: for nobody
                    return page
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the page did not start:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def running_page(
    workspace: Path,
    *,
    program: Path = ROOT / "app.py",
    options: Sequence[str] = (),
    **environment: str,
) -> Iterator[Page]:
    page = start_page(workspace, program=program, options=options, **environment)
    try:
        yield page
    finally:
        page.stop()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for the tests of a module, in an empty workspace."""
    folder = tmp_path_factory.mktemp("page") / "workspace"
    with running_page(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One browser for the tests of a module."""
    from tests.ui.browsing import chromium

    with chromium(chromium_path) as running:
        yield running


@pytest.fixture(scope="session")
def editor_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for all tests of the editor, each of which makes projects of its own; it finds no wiki."""
    folder = tmp_path_factory.mktemp("editor") / "workspace"
    nobody = {SITE_VARIABLE: "http://127.0.0.1:9", LOCAL_VARIABLE: "1"}
    with running_page(folder, **nobody) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """now: seconds, as long as the test does not say otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
