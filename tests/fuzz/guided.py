"""python -m tests.fuzz.guided [--seconds N] [--keep FOLDER] [PARSER …]: fuzzing that sees which lines ran.

The same parsers and the same promises as `python -m tests.fuzz`; but here atheris (libFuzzer) changes the
examples, and keeps what reaches lines of lorabake that nothing reached before. atheris is no requirement
of the tests: `pip install atheris` first (Linux, CPython up to 3.13).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.parsers import PARSERS, Parser

MISSING = (
    "atheris is not installed, so nothing was fuzzed. Install it (pip install atheris; Linux, CPython up "
    "to 3.13), or run python -m tests.fuzz, which needs nothing."
)
HANG = 5  # seconds; watched lines take longer, so the promise of one second is kept elsewhere
MEMORY = 2048  # MiB
LONGEST = 20_000  # bytes of a case


@dataclass(frozen=True)
class Found:
    """What came of one parser. failed: the end of what libFuzzer said, "" when all went well."""

    name: str
    cases: int
    seconds: float
    kept: int
    failed: str = ""

    @property
    def row(self) -> str:
        return f"| {self.name} | {self.cases:,} | {self.kept:,} |"


def tell(text: str) -> None:
    """Said at once: a run takes an hour."""
    print(text, flush=True)  # noqa: T201


def is_installed() -> bool:
    return importlib.util.find_spec("atheris") is not None


def main() -> int:
    """The number of parsers that failed; 2 without atheris."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    asked.add_argument("--seconds", type=int, default=60, help="of each parser")
    asked.add_argument(
        "--keep", type=Path, help="a folder for what was found, used again next time"
    )
    asked.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("parsers", nargs="*", help="names as in the table; all without any")
    chosen = asked.parse_args()
    if not is_installed():
        tell(MISSING)
        return 2
    if chosen.child:
        _fuzz(chosen.parsers[0], chosen.keep, chosen.seconds)
    names = [parser.name for parser in PARSERS]
    unknown = sorted({*chosen.parsers} - {*names})
    if unknown:
        tell(f"There is no {unknown[0]!r}. There are: {', '.join(names)}.")
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="lorabake-guided-") as temporary:
        for name in chosen.parsers or names:
            found = guided(name, chosen.seconds, chosen.keep or Path(temporary))
            failed += bool(found.failed)
            tell(f"FAILED {name}:\n{found.failed}" if found.failed else found.row)
    return failed


def guided(name: str, seconds: int, keep: Path) -> Found:
    """Fuzz one parser in a process of its own, which libFuzzer ends."""
    corpus = keep / name.replace(" ", "-").replace("/", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    parser = named(name)
    for number, example in enumerate(parser.cases.examples):
        (corpus / f"example-{number}").write_bytes(example[:LONGEST])
    command = [sys.executable, "-m", "tests.fuzz.guided", "--child", "--keep", str(corpus)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--seconds", str(seconds), name],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LORABAKE_LOOK_ELSEWHERE": "0"},
        timeout=seconds * 3 + 300,
    )
    told = done.stderr + done.stdout
    ran = re.findall(r"stat::number_of_executed_units:\s*(\d+)", told)
    return Found(
        name,
        int(ran[-1]) if ran else 0,
        time.monotonic() - started,
        sum(1 for _ in corpus.iterdir()),
        "" if done.returncode == 0 and ran else told[-4000:] or f"exit code {done.returncode}",
    )


def named(name: str) -> Parser:
    return next(parser for parser in PARSERS if parser.name == name)


def _fuzz(name: str, corpus: Path, seconds: int) -> None:
    """In the child: never comes back."""
    import atheris  # type: ignore[import-not-found]

    # The table was imported to find the names; what lorabake imported must be imported anew to be seen.
    for module in [one for one in sys.modules if one.split(".")[0] in ("lorabake", "tests")]:
        if module not in ("tests", "tests.fuzz", "tests.fuzz.guided"):
            del sys.modules[module]
    with atheris.instrument_imports(include=["lorabake"], enable_loader_override=False):
        from tests.fuzz.parsers import PARSERS as SEEN
    from tests.fuzz.runner import Fed

    parser = next(one for one in SEEN if one.name == name)
    fed, folder = Fed(), Path(tempfile.mkdtemp(prefix="lorabake-guided-"))

    def one(data: bytes) -> None:
        try:
            case = parser.cases.of_bytes(data)
        except ValueError:
            return
        fed.one(parser, case, folder, watched=False)

    options = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}"]
    options += [f"-max_len={LONGEST}", "-print_final_stats=1", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(min(main(), 2))
