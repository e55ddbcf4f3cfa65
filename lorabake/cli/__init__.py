"""The headless front door: what the page does, from a terminal, through the same functions.

Every verb takes `--json` and then prints one JSON object on stdout. Exit code 0: done; 1: one
sentence on stderr says what happened and what to do; 2: wrong usage; 130: stopped.
"""

from __future__ import annotations

import sys

from lorabake.cli import (
    captions,
    concepts,
    convert,
    duplicates,
    enhance,
    export,
    grab,
    grid,
    models,
    search,
    tag,
    verbs,
    votes,
)
from lorabake.cli.common import app
from lorabake.core.errors import LorabakeError, Stopped

__all__ = [
    "app",
    "captions",
    "concepts",
    "convert",
    "duplicates",
    "enhance",
    "export",
    "grab",
    "grid",
    "main",
    "models",
    "search",
    "tag",
    "verbs",
    "votes",
]


def main() -> None:
    """Run the command line; turns errors into one sentence and an exit code."""
    try:
        app(prog_name="lorabake")
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)
    except LorabakeError as error:
        print(f"lorabake: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
