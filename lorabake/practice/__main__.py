"""`python -m lorabake.practice build | evaluate | compare | verdict`: make the practice model, or measure it."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from . import MODEL_DIR
from .build import STAGES, build
from .figures import table

CACHE = Path(__file__).parents[2] / ".cache" / "practice"


def main(arguments: list[str]) -> int:
    """Exit code 1 when a measured figure misses its target."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if options.verb == "build":
        build(options.cache, tuple(options.stages))
        return 0
    if options.verb == "compare":
        from .compare import compare

        figures = compare(options.only)
    elif options.verb == "verdict":
        from .verdicts import check_verdicts

        changes = {"validation_split": options.held_out} if options.held_out else {}
        figures = check_verdicts(options.seeds, **changes)
    else:
        from .evaluate import evaluate

        figures = evaluate(options.model, options.only)
    if options.json:
        print(json.dumps({"figures": [figure.as_mapping() for figure in figures]}))
    else:
        print(table(figures))
    return 0 if all(figure.is_met for figure in figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lorabake.practice", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build", help="train the practice model from nothing")
    building.add_argument("--cache", type=Path, default=CACHE, help="where stages are kept")
    building.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    measuring = verbs.add_parser("evaluate", help="measure the model and a LoRA baked on it")
    measuring.add_argument("--model", type=Path, default=MODEL_DIR)
    measuring.add_argument("--only", choices=("all", "base", "lora"), default="all")
    measuring.add_argument("--json", action="store_true", help="print one JSON object")
    comparing = verbs.add_parser("compare", help="bake the sample with every kind of network")
    comparing.add_argument("--only", nargs="+", default=[], help="networks, or regularisation")
    comparing.add_argument("--json", action="store_true", help="print one JSON object")
    checking = verbs.add_parser(
        "verdict", help="bake the sample, and judge what the verdict proposes"
    )
    checking.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    checking.add_argument(
        "--held-out", type=float, default=0.0, help="share that is not trained on"
    )
    checking.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
