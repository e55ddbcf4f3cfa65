"""`app.py --share`: what the window says, from the program that is fetched to the link that ends.

Only the outside world is a stand-in: a site of this machine hands out the tunnel program, which is
fetched, compared with its checksum and started as the real one is.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from lorabake.core.addresses import LOCAL_VARIABLE
from tests.serving import serving
from tests.ui.conftest import Page, running_page
from tests.ui.invited import Parts, Visitor

COMMAND = Path(__file__).with_name("shared_command.py")
STAND_IN = Path(__file__).with_name("stand_in_tunnel.py")
# A path may hold blanks, which a first line of a script cannot say.
PROGRAM = f'#!/bin/sh\nexec {quote(sys.executable)} {quote(str(STAND_IN))} "$@"\n'.encode()
PATIENCE = 60.0  # seconds, for a machine with other work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a script is no program there")


class Site(http.server.BaseHTTPRequestHandler):
    """Where the program lies, and who tells which server takes links."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        servers = [{"host": "127.0.0.1", "port": 7000, "root_ca": "PEM"}]
        body = PROGRAM if self.path == "/program" else json.dumps(servers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.asked = []
    with serving(Site) as address:
        yield address


def said(page: Page, pattern: str) -> re.Match[str]:
    """Wait for the window to say it."""
    end = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, page.log.read_text(encoding="utf-8"))):
        assert time.monotonic() < end, page.log.read_text(encoding="utf-8")
        time.sleep(0.05)
    return found


def shared(tmp_path: Path, site: str, *, announced: bytes = PROGRAM, **environment: str) -> Any:
    return running_page(
        tmp_path / "workspace",
        program=COMMAND,
        options=["--share"],
        **{
            "SITE": site,
            "SHA256": hashlib.sha256(announced).hexdigest(),
            LOCAL_VARIABLE: "1",
            **environment,
        },
    )


def test_a_friend_comes_in_by_what_the_window_says_until_the_link_ends(
    tmp_path: Path, site: str
) -> None:
    with shared(tmp_path, site) as page:
        said(page, "Making a link for remote help")
        link = said(page, r"opens (\S+) and enters this code, which works once: ([A-Z2-7-]+)\n")
        assert Site.asked == ["/program", "/servers"]
        parts = Parts(page)
        friend = Visitor(link[1])
        assert friend.request("GET", "/config")[0] == 401
        assert friend.enter(link[2], "Mika")[0] == 303
        assert friend.ask(parts, "lb_here")["role"] == "helper"
        assert friend.ask(parts, "lb_link")["refused"] == "own"
        assert Visitor(link[1]).enter(link[2], "Rin")[0] == 403  # once

        assert parts.ask("lb_link_end")["said"]
        parts.until("off")
        with pytest.raises(OSError):
            friend.request("GET", "/config")
        assert page.request("GET", "/config")[0] == 200
    assert "no link" not in page.log.read_text(encoding="utf-8")


def test_the_tunnel_goes_with_the_page(tmp_path: Path, site: str) -> None:
    with shared(tmp_path, site) as page:
        url = said(page, r"opens (\S+) and")[1]
        record = json.loads((page.workspace / ".cache" / "link" / "tunnel.json").read_text())
        page.process.send_signal(signal.SIGINT)
        assert page.process.wait(PATIENCE) == 130
        with pytest.raises(ProcessLookupError):
            os.kill(record["pid"], 0)
        with pytest.raises(OSError):
            Visitor(url).request("GET", "/")


NEW_ONE = r'\nThe page is open all the same; "Let a friend help" there makes a new link\.\n'


def test_no_network(tmp_path: Path) -> None:
    with shared(tmp_path, "http://127.0.0.1:9") as page:
        sentence = r"127\.0\.0\.1 could not be reached\. Check the connection to the internet"
        said(page, sentence + ".*" + NEW_ONE)
        assert page.request("GET", "/config")[0] == 200


def test_another_program_than_the_one_that_was_announced(tmp_path: Path, site: str) -> None:
    with shared(tmp_path, site, announced=b"another") as page:
        said(page, r"not the one that was announced .*" + NEW_ONE)
        folder = page.workspace / ".cache" / "link"
        assert not any(os.access(one, os.X_OK) for one in folder.iterdir() if one.is_file())
        assert "opens" not in page.log.read_text(encoding="utf-8")


def test_an_antivirus_program_ends_it_at_once(tmp_path: Path, site: str) -> None:
    with shared(tmp_path, site, MOOD="killed") as page:
        said(page, r"ended as soon as it began, which antivirus programs do\. Allow /.*" + NEW_ONE)
        assert Parts(page).ask("lb_link")["state"] == "failed"
