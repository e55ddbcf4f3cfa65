"""app.py with the stand-in in the place of the tunnel program; the rest of the link is the real one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

STAND_IN = Path(__file__).with_name("stand_in_tunnel.py")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()

    from lorabake.core.workspace import Workspace
    from lorabake.ui.environment import prepare, without_stub_files

    workspace = Workspace.open(options.workspace)
    prepare(workspace.cache_dir)
    with without_stub_files():
        from lorabake.core.tunnel import Tunnel, open_tunnel
        from lorabake.ui.serve import serve

    def make(port: int, folder: Path, should_stop: Callable[[], bool]) -> Tunnel:
        argv = [sys.executable, str(STAND_IN), "http", "-l", str(port)]
        return open_tunnel(argv, folder / "tunnel.log", should_stop=should_stop)

    serve(workspace, port=options.port, browser=False, tunnel=make)


if __name__ == "__main__":
    main()
