"""The page that already runs: found by asking the address which it recorded in its workspace."""

import json
import os
import subprocess
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from .environment import Environment, child_environ

ASK_SECONDS = 2.0


def show_running(env: Environment, arguments: Sequence[str]) -> bool:
    """Open the tab of a lorabake that already runs on this workspace; False if there is none."""
    if {"--demo", "--help", "-h"} & set(arguments):
        return False
    address = running_address(workspace(env, arguments))
    if address is None:
        return False
    print(f"lorabake already runs: {address}", flush=True)
    if "--no-browser" not in arguments:
        webbrowser.open(address)
    return True


def running_address(folder: Path) -> str | None:
    """The address of the page that serves the workspace `folder`, if it answers as lorabake."""
    try:
        server = json.loads((folder / ".cache" / "server.json").read_text(encoding="utf-8"))
        address = f"http://127.0.0.1:{int(server['port'])}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
    try:
        with opener.open(f"{address}/lorabake/id", timeout=ASK_SECONDS) as answer:
            said = json.loads(answer.read(4096))
    except (OSError, ValueError):
        return None
    return address if isinstance(said, dict) and said.get("app") == "lorabake" else None


def workspace(env: Environment, arguments: Sequence[str]) -> Path:
    """The workspace that the app will use: --workspace, LORABAKE_WORKSPACE, or the default."""
    for place, argument in enumerate(arguments):
        if argument == "--workspace" and place + 1 < len(arguments):
            return Path(arguments[place + 1]).expanduser()
        if argument.startswith("--workspace="):
            return Path(argument.partition("=")[2]).expanduser()
    if os.environ.get("LORABAKE_WORKSPACE"):
        return Path(os.environ["LORABAKE_WORKSPACE"]).expanduser()
    # The same rule as lorabake.core.workspace, without the cost of loading the core.
    code = "import platformdirs; print(platformdirs.user_data_dir('lorabake', appauthor=False))"
    done = subprocess.run(
        [str(env.python), "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=child_environ(os.environ),
        check=False,
    )
    return Path(done.stdout.strip() or ".")
