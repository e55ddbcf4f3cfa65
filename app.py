"""Start the page:  python app.py [--port N] [--no-browser] [--workspace DIR] [--share | --demo]

On a Hugging Face Space it starts the demo by itself; see docs/space.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

SPACE_PORT = 7860  # where the Hub looks for the page


def port(text: str) -> int:
    """What --port takes."""
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; they go from 1 to 65535")


def main() -> None:
    parser = argparse.ArgumentParser(description="lorabake: bake anime LoRAs on one page.")
    parser.add_argument("--port", type=port, help="where to listen; the next free one is taken")
    parser.add_argument("--no-browser", action="store_true", help="do not open a tab")
    parser.add_argument("--workspace", type=Path, help="folder of projects, models and runs")
    parser.add_argument("--share", action="store_true", help="make a link for a friend who helps")
    parser.add_argument("--demo", action="store_true", help="for many strangers, as on a Space")
    options = parser.parse_args()

    from lorabake.core.errors import LorabakeError
    from lorabake.core.workspace import Workspace
    from lorabake.ui.environment import prepare, the_space, without_stub_files

    space = the_space()
    demo = options.demo or space is not None
    if demo and options.share:
        parser.error("a demo is open to everybody already; leave --share or --demo out")
    folder = options.workspace
    if demo and folder is None:  # never that of the person who tries it out
        folder = Path(tempfile.mkdtemp(prefix="lorabake-demo-"))
    try:
        workspace = Workspace.open(folder)
    except LorabakeError as error:
        raise SystemExit(str(error)) from None
    prepare(workspace.cache_dir)  # before gradio is imported

    with without_stub_files():
        from lorabake.ui.serve import serve, serve_demo

    browser = not options.no_browser
    if demo:
        host = space.host if space else ""
        first = options.port or (SPACE_PORT if space else None)
        try:
            return serve_demo(workspace, port=first, browser=browser, host=host)
        finally:
            if options.workspace is None:
                shutil.rmtree(workspace.root, ignore_errors=True)
    return serve(workspace, port=options.port, browser=browser, share=options.share)


if __name__ == "__main__":
    main()
