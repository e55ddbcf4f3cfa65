"""The real runner, with the tiny worker and little patience."""

from __future__ import annotations

import sys

from lorabake.core.oven import Patience, main

KINDS = {"tiny": "tests.core.tiny_worker"}

if __name__ == "__main__":
    patience = Patience(terminate=1.5, kill=3.0, look=0.05)
    sys.exit(main(sys.argv[1:], kinds=KINDS, patience=patience))
