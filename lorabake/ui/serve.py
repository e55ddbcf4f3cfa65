"""Launch the page: every argument that matters for safety is written out, none is left to a default."""

from __future__ import annotations

import gc
import logging
import os
import sys
import webbrowser
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from lorabake.core import jobs
from lorabake.core.files import atomic_write_json
from lorabake.core.limits import choose_mode
from lorabake.core.workspace import Workspace
from lorabake.ui.demo import open_demo
from lorabake.ui.environment import free_port
from lorabake.ui.guard import Gate, Guard
from lorabake.ui.link import Link
from lorabake.ui.parts import head
from lorabake.ui.place import open_place
from lorabake.ui.porch import Porch
from lorabake.ui.routes import routes
from lorabake.ui.sharing import USUAL_HOURS, MakeTunnel, Sharing, open_sharing
from lorabake.ui.shell import build_page
from lorabake.ui.theme import make_theme, tokens_css

LOCALHOST = "127.0.0.1"
TRIES = 5
# Captions, tag lists and previews are millions of small objects that stay. At its usual pace Python
# looks through all of them for garbage again and again, which takes as long as making them.
COLLECT = (50_000, 20, 10)


def serve(
    workspace: Workspace,
    *,
    port: int | None = None,
    browser: bool = True,
    share: bool = False,
    tunnel: MakeTunnel | None = None,
) -> None:
    """Serve until Ctrl+C; the queue's jobs are processes of their own and go on.

    share: make a link for remote help at once. tunnel: how; None for the usual way.
    """
    choose_mode("local")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    gc.set_threshold(*COLLECT)
    open_place(workspace)
    jobs.ensure_runner(workspace, at_start=True)
    page = build_page()
    address = launch(page, port)
    links = open_sharing(Sharing(page.app, workspace.cache_dir / "link", tunnel))
    taken = int(address.rsplit(":", 1)[1].rstrip("/"))
    atomic_write_json(workspace.server_file, {"port": taken, "pid": os.getpid()})
    _tell(f"lorabake is open at {address}  (Ctrl+C closes the page; a bake goes on)")
    if share:
        _tell("Making a link for remote help …")
        links.start(USUAL_HOURS, _tell_link, _tell_end)
    if browser:
        webbrowser.open(address)
    try:
        page.block_thread()
        raise SystemExit(130)  # it only returns after Ctrl+C, which Gradio keeps to itself
    finally:
        links.close()
        workspace.server_file.unlink(missing_ok=True)


def _tell(text: str) -> None:
    """A line of its own in the window that lorabake was started from."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell_link(link: Link) -> None:
    """For who started with --share; the page's "Let a friend help" says it, too."""
    _tell(
        f"Your friend opens {link.url} and enters this code, which works once: "
        f"{link.new_code('helper')}"
    )


def _tell_end(problem: str) -> None:
    """Why there is no link, for who would wait for one; nothing when they ended it themselves."""
    if problem:
        _tell(
            f'{problem}\nThe page is open all the same; "Let a friend help" there makes a new link.'
        )


def serve_demo(
    workspace: Workspace, *, port: int | None = None, browser: bool = True, host: str = ""
) -> None:
    """Serve the demo until Ctrl+C, and leave nothing of its visitors behind.

    host: the Space's own; "" for this computer, where nobody else is listened to.
    """
    choose_mode("demo")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    gc.set_threshold(*COLLECT)
    gate, visitors = open_demo(workspace, host)
    page = build_page()
    address = launch(page, port, gate, "0.0.0.0" if host else LOCALHOST)
    page.app.middleware_stack = Porch(page.app.middleware_stack, gate)
    taken = int(address.rsplit(":", 1)[1].rstrip("/"))
    atomic_write_json(workspace.server_file, {"port": taken, "pid": os.getpid()})
    _tell(f"The demo is open at {address}  (Ctrl+C closes it; nothing of it is kept)")
    if browser and not host:
        webbrowser.open(address)
    try:
        page.block_thread()
        raise SystemExit(130)
    finally:
        visitors.close()
        workspace.server_file.unlink(missing_ok=True)


def launch(
    page: gr.Blocks,
    port: int | None = None,
    gate: Gate | None = None,
    server_name: str = LOCALHOST,
) -> str:
    """Start the server on a free port and give its address; SystemExit with the reason if it cannot be."""
    first, why = port, "Each free port was taken by others at once"
    for _ in range(TRIES):
        free = free_port(first, server_name)
        try:
            app, address, _ = page.launch(
                server_port=free, server_name=server_name, **arguments(gate)
            )
        except OSError as error:  # mostly: somebody took the port between asking and binding
            if error.errno is not None:  # as Gradio's own, which means the port, has not
                why = f"The page could not be opened ({error})"
            first = free + 1
            continue
        # Gradio puts its CORS layer in front of app_kwargs' middleware; the guard goes before both.
        assert app.middleware_stack is not None, "built at the first request"
        app.middleware_stack = Guard(app.middleware_stack, gate)
        return str(address)
    raise SystemExit(f"{why}. Start again, or choose another --port.")


def arguments(gate: Gate | None = None) -> dict[str, Any]:
    """Everything but the port and the address that is listened at."""
    return {
        "app_kwargs": {
            "middleware": [Middleware(Guard, gate=gate)],
            "routes": routes(),
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        "share": False,
        "inbrowser": False,
        "prevent_thread_lock": True,
        "quiet": True,
        "debug": False,
        "show_error": False,
        "auth": None,
        "root_path": "",
        "allowed_paths": [],
        "blocked_paths": [],
        "max_file_size": "1mb",  # nothing is uploaded through Gradio
        "max_threads": 40,
        "state_session_capacity": 200,
        "enable_monitoring": False,
        "run_history": False,
        "footer_links": [],
        "strict_cors": True,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "num_workers": 0,
        "theme": make_theme(),
        "head": head(tokens_css()),
    }
