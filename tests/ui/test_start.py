"""The page opens in no more time than Gradio alone takes: nothing imports torch before it is needed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from lorabake.ui import theme
from lorabake.ui.environment import free_port, sweep
from tests.ui.conftest import ROOT, Page, running_page

HEAVY = ("torch", "diffusers", "transformers", "peft", "torchvision", "onnxruntime", "matplotlib")
MOST = 1.2  # times the computing of a bare `import gradio`; 0.8 was measured


def test_building_the_page_imports_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from lorabake.core.workspace import Workspace
from lorabake.ui.environment import prepare
workspace = Workspace.open(Path({str(tmp_path / "workspace")!r}))
prepare(workspace.cache_dir)
from lorabake.ui.place import open_place
from lorabake.ui.shell import build_page
open_place(workspace)
build_page()
print(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""


def computing_of_gradio() -> float:
    """Processor seconds of a bare import."""
    before = os.times()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    after = os.times()
    took = after.children_user + after.children_system
    return took - before.children_user - before.children_system


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_first_answer_comes_in_time(tmp_path: Path) -> None:
    before = computing_of_gradio()
    with running_page(tmp_path / "workspace") as page:
        assert page.request("GET", "/")[0] == 200
        fields = (
            Path(f"/proc/{page.process.pid}/stat")
            .read_text(encoding="utf-8")
            .rpartition(")")[2]
            .split()
        )
        ticks = int(fields[11]) + int(fields[12])  # user and system time
    # Of the same minute, before and after, since a busy machine computes more slowly.
    bare = max(before, computing_of_gradio())
    assert ticks / os.sysconf("SC_CLK_TCK") < MOST * bare


def test_a_taken_port_leads_to_the_next(page: Page, tmp_path: Path) -> None:
    with running_page(tmp_path / "second") as other:
        assert other.port != page.port
        assert other.request("GET", "/lorabake/id")[0] == 200
    assert free_port(page.port) > page.port


# As `app.py` starts a page, by who may not open ports of the system.
LAUNCH = """
import os, sys
import gradio as gr
from lorabake.ui.serve import launch
if hasattr(os, "setuid") and os.getuid() == 0:
    os.setuid(65534)
launch(gr.Blocks(), int(sys.argv[2]), server_name=sys.argv[1])
"""


def refused(host: str, port: int) -> str:
    """The one line that a start ends with."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, host, str(port)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 65535))
            taken.listen()
        assert refused("127.0.0.1", 65535).startswith("No free port between 65535 and 65535;")


@pytest.mark.skipif(sys.platform != "linux", reason="others let everybody open any port")
def test_a_port_of_the_system_is_told() -> None:
    kept = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii")
    if int(kept) < 200:
        pytest.skip("this machine lets everybody open any port")
    assert refused("127.0.0.1", 80).startswith("You are not allowed to open the ports 80 to 179;")


def test_an_address_of_another_computer_is_told() -> None:
    said = refused("203.0.113.1", 7860)  # kept for documents: no computer's
    assert said.startswith("This computer does not have the address 203.0.113.1,")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x"])
def test_what_is_no_port_is_refused(port: str) -> None:
    done = subprocess.run(
        [sys.executable, "app.py", f"--port={port}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "is no port; they go from 1 to 65535" in done.stderr


def test_old_cache_files_are_swept(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "inner").mkdir(parents=True)
    new.write_text("x", encoding="utf-8")
    os.utime(old, (0, 0))
    sweep(tmp_path, older_than=60)
    assert not old.exists()
    assert new.exists()


def test_server_file_names_the_running_page(page: Page) -> None:
    found = json.loads((page.workspace / ".cache" / "server.json").read_text(encoding="utf-8"))
    assert found == {"port": page.port, "pid": page.process.pid}


# --- the colours -----------------------------------------------------------------------------

TEXTS = ("ink", "muted", "accent", "ok", "warn", "bad", "info")
GROUNDS = ("page", "surface", "sunken", "tint")


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_texts_can_be_read(tokens: dict[str, str], text: str, ground: str) -> None:
    """WCAG AA for text."""
    assert theme.contrast(tokens[text], tokens[ground]) >= 4.5


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_buttons_and_borders_can_be_seen(tokens: dict[str, str]) -> None:
    assert theme.contrast(tokens["on-accent"], tokens["accent"]) >= 4.5
    assert theme.contrast(tokens["on-accent"], tokens["accent-hover"]) >= 4.5
    assert theme.contrast(tokens["edge"], tokens["surface"]) >= 3.0


@pytest.mark.parametrize("name", theme.TAGS)
def test_tag_colours_can_be_read(name: str) -> None:
    light, dark = theme.TAGS[name]
    assert theme.contrast(light, theme.LIGHT["surface"]) >= 4.5
    assert theme.contrast(dark, theme.DARK["surface"]) >= 4.5
