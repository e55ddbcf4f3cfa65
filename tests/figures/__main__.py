"""python -m tests.figures [--all-names] [--visitors] [--fuzz N]: the figures of docs/security.md and docs/reliability.md.

Runs the tests that count them, and writes what they counted between the marks of both pages; nothing is
written when one fails. --all-names: every hostile name instead of some of them (ten minutes);
--visitors: twenty visitors of the demo at once (seven minutes; the machine should have nothing else to
do, and how busy it was is written, too); --fuzz N: python -m tests.fuzz --cases N --write.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.figures import write_between

ROLES = ("owner", "helper", "viewer", "visitor", "nobody")
RIGHTS = ("look", "edit", "start", "stop", "upload", "own")
SINGLE = {"functions": "function", "events": "event", "addresses": "address"}
SECURITY = (
    "tests/ui/test_roles.py",
    "tests/ui/test_guard.py",
    "tests/ui/test_link.py",
    "tests/ui/test_porch.py",
)
NAMES = ("tests/test_hostile_names.py",)
VISITORS = ("tests/ui/test_demo.py::test_twenty_visitors_at_once",)


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__)
    asked.add_argument("--all-names", action="store_true")
    asked.add_argument("--visitors", action="store_true")
    asked.add_argument("--fuzz", type=int, metavar="N", default=0)
    chosen = asked.parse_args()
    today = time.strftime("%Y-%m-%d")
    failed = 0
    if counted := _count(SECURITY, "not gpu and not slow"):
        write_between("security.md", "roles", f"{today}.\n\n{role_table(counted['roles'])}")
        write_between("security.md", "probes", f"{today}.\n\n{probe_table(counted['probes'])}")
    failed += not counted
    # One of a test's ways is slow; of the other tests all are wanted.
    which = "not gpu and (slow or not slow)" if chosen.all_names else "not gpu and not slow"
    if counted := _count(NAMES, which):
        how = "every name" if chosen.all_names else "some of the names, in turn"
        write_between(
            "reliability.md", "names", f"{today}, {how}.\n\n{name_table(counted['names'])}"
        )
    failed += not counted
    if chosen.visitors:
        load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
        if counted := _count(VISITORS, "slow"):
            said = f"{today}, {os.cpu_count()} processors, load before: {load}."
            write_between(
                "reliability.md", "visitors", f"{said}\n\n{visitor_table(counted['visitors'])}"
            )
        failed += not counted
    if chosen.fuzz:
        command = [sys.executable, "-m", "tests.fuzz", "--cases", str(chosen.fuzz), "--write"]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


def _count(tests: tuple[str, ...], which: str) -> dict[str, Any]:
    """What these tests counted; nothing when one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", which, *tests]
        done = subprocess.run(
            command, check=False, env={**os.environ, "LORABAKE_FIGURES": str(path)}
        )
        if done.returncode != 0:
            print(f"Failed, so its figures stay as they were: {' '.join(tests)}", flush=True)
            return {}
        counted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return counted


def role_table(roles: dict[str, dict[str, dict[str, int]]]) -> str:
    """A row for each right and kind of thing: how many there are, and what became of them when each asked."""
    lines = [f"| right | what | {' | '.join(ROLES)} |", f"|---|---:|{'---|' * len(ROLES)}"]
    for right in RIGHTS:
        for kind in SINGLE:
            if row := roles.get(f"{right} {kind}"):
                total = max(sum(outcomes.values()) for outcomes in row.values())
                told = [_told(row.get(role, {}), total) for role in ROLES]
                things = kind if total > 1 else SINGLE[kind]
                lines.append(f"| {right} | {total} {things} | {' | '.join(told)} |")
    return "\n".join(lines)


def _told(outcomes: dict[str, int], total: int) -> str:
    if len(outcomes) == 1 and next(iter(outcomes.values())) == total:
        return next(iter(outcomes))
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()) or "not tried"


def probe_table(probes: dict[str, dict[str, int]]) -> str:
    lines = ["| where | probes refused | allowed, as they must be |", "|---|---:|---:|"]
    for where, outcomes in probes.items():
        lines.append(f"| {where} | {outcomes.get('refused', 0)} | {outcomes.get('served', 0)} |")
    return "\n".join(lines)


def name_table(counted: dict[str, int]) -> str:
    rows = [f"| {what} | {count:,} |" for what, count in counted.items()]
    return "\n".join(("| names in | tried |", "|---|---:|", *rows))


def visitor_table(counted: dict[str, Any]) -> str:
    lines = ["| twenty visitors at once | middle | most |", "|---|---:|---:|"]
    for what, value in counted.items():
        middle, most = value if isinstance(value, list) else (value, None)
        lines.append(f"| {what} | {_short(middle)} | {_short(most)} |")
    return "\n".join(lines)


def _short(value: float | int | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
