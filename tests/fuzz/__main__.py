"""python -m tests.fuzz [--cases N] [--seed N] [--write]: feed every parser; the figures of docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

BEGIN, END = "<!-- fuzz -->", "<!-- /fuzz -->"
DOC = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def main() -> int:
    """The number of parsers that failed."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--cases", type=int, default=20_000, help="of the quickest parsers")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument(
        "--write", action="store_true", help="put the figures into docs/reliability.md"
    )
    chosen = asked.parse_args()
    os.environ.setdefault("LORABAKE_LOOK_ELSEWHERE", "0")
    from tests.fuzz.parsers import PARSERS
    from tests.fuzz.runner import feed_many, many

    rows, failed, total, started = [], 0, 0, time.monotonic()
    for parser in PARSERS:
        try:
            fed = feed_many(parser, many(parser, chosen.cases), chosen.seed)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed += 1
            notes = " ".join(getattr(error, "__notes__", ()))
            print(f"FAILED {parser.name}: {type(error).__name__}: {error} {notes}", flush=True)
            continue
        total += fed.cases
        rows.append(
            f"| {parser.name} | {fed.cases:,} | {fed.refused:,} | {fed.slowest * 1000:.0f} |"
        )
        print(rows[-1], flush=True)
    minutes = (time.monotonic() - started) / 60
    said = (
        f"{time.strftime('%Y-%m-%d')}, seed {chosen.seed}: {total:,} cases to {len(rows)} parsers in "
        f"{minutes:.0f} min, {failed} failed. CPU time of the slowest case of each."
    )
    head = "| Parser | Cases | Refused with a sentence | Slowest, ms |\n|---|---:|---:|---:|"
    print(said)
    if chosen.write and not failed:
        text = DOC.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        table = "\n".join((head, *rows))
        DOC.write_text(f"{before}{BEGIN}\n{said}\n\n{table}\n{END}{after}", encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
