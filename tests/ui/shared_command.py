"""app.py as it is, but for where the tunnel program and its server are asked for: at a test's site.

SITE: its address. SHA256: of the program that is announced.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> None:
    import app
    from lorabake.ui import environment

    settle = environment.prepare

    def prepare(cache: Path) -> None:
        settle(cache)  # gradio is imported after that only
        with environment.without_stub_files():
            from gradio import tunneling

            from lorabake.ui import sharing
        tunneling.BINARY_URL = f"{os.environ['SITE']}/program"
        tunneling.CHECKSUMS = {tunneling.BINARY_URL: os.environ["SHA256"]}
        sharing.SERVERS = f"{os.environ['SITE']}/servers"

    environment.prepare = prepare
    app.main()


if __name__ == "__main__":
    main()
