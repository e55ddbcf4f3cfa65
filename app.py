"""Start the page:  python app.py [--port N] [--no-browser] [--workspace DIR] [--share]"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description="lorabake: bake anime LoRAs on one page.")
    parser.add_argument("--port", type=int, help="where to listen; the next free one is taken")
    parser.add_argument("--no-browser", action="store_true", help="do not open a tab")
    parser.add_argument("--workspace", type=Path, help="folder of projects, models and runs")
    parser.add_argument("--share", action="store_true", help="make a link for a friend who helps")
    options = parser.parse_args()

    from lorabake.core.errors import LorabakeError
    from lorabake.core.workspace import Workspace
    from lorabake.ui.environment import prepare, without_stub_files

    try:
        workspace = Workspace.open(options.workspace)
    except LorabakeError as error:
        raise SystemExit(str(error)) from None
    prepare(workspace.cache_dir)  # before gradio is imported

    with without_stub_files():
        from lorabake.ui.serve import serve

    serve(workspace, port=options.port, browser=not options.no_browser, share=options.share)


if __name__ == "__main__":
    main()
