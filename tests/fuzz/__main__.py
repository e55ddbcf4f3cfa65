"""python -m tests.fuzz [--cases N] [--seed N] [--write]: feed every parser; the figures of docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.figures import write_between

SLOWEST = " CPU time of the slowest case of each."
HEAD = "| Parser | Cases | Refused with a sentence | Slowest, ms |\n|---|---:|---:|---:|"


def main() -> int:
    """The number of parsers that failed."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--cases", type=int, default=20_000, help="of the quickest parsers")
    asked.add_argument("--each", action="store_true", help="as many of the slow ones, too")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument(
        "--write", action="store_true", help="put the figures into docs/reliability.md"
    )
    chosen = asked.parse_args()
    os.environ.setdefault("LORABAKE_LOOK_ELSEWHERE", "0")
    from tests.fuzz.parsers import PARSERS
    from tests.fuzz.runner import feed_apart, many

    rows, failed, total, started = [], 0, 0, time.monotonic()
    for parser in PARSERS:
        wanted = chosen.cases if chosen.each else many(parser, chosen.cases)
        fed = feed_apart(parser, wanted, chosen.seed)
        total += fed.cases
        if fed.failed:
            failed += 1
            print(f"FAILED {parser.name}: {fed.failed}", flush=True)
            continue
        rows.append(
            f"| {parser.name} | {fed.cases:,} | {fed.refused:,} | {fed.slowest * 1000:.0f} |"
        )
        print(rows[-1], flush=True)
    minutes = (time.monotonic() - started) / 60
    said = (
        f"{time.strftime('%Y-%m-%d')}, seed {chosen.seed}: {total:,} cases to {len(rows)} parsers in "
        f"{minutes:.0f} min, {failed} failed.{SLOWEST}"
    )
    print(said)
    if chosen.write and not failed:
        write_between("reliability.md", "fuzz", "\n".join((said, "", HEAD, *rows)))
        write_between("security.md", "fuzz", f"Fuzzing: {said.removesuffix(SLOWEST)}")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
