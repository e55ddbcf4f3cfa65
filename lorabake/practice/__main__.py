"""`python -m lorabake.practice build | evaluate`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from .build import STAGES, build

CACHE = Path(__file__).parents[2] / ".cache" / "practice"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lorabake.practice", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build", help="train the practice model from nothing")
    building.add_argument("--cache", type=Path, default=CACHE, help="where stages are kept")
    building.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(options.cache, tuple(options.stages))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
