"""python -m tests.fuzz.guided [--seconds N] [--keep FOLDER] [--write] [PARSER …]: fuzzing that sees which lines ran.

The same parsers and the same promises as `python -m tests.fuzz`; but here atheris (libFuzzer) changes the
examples, and keeps what reaches lines of lorabake that nothing reached before. atheris is no requirement
of the tests: `pip install atheris` first (Linux, CPython up to 3.13).
"""

from __future__ import annotations

import argparse
import importlib.util
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.figures import write_between
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
    """What came of one parser. kept: cases that reached something new. failed: the end of what libFuzzer said, "" when all went well."""

    name: str
    cases: int
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
    asked.add_argument("--write", action="store_true", help="put the sum into docs/security.md")
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
    failed = total = 0
    with tempfile.TemporaryDirectory(prefix="lorabake-guided-") as temporary:
        for name in chosen.parsers or names:
            found = guided(name, chosen.seconds, chosen.keep or Path(temporary))
            failed += bool(found.failed)
            total += found.cases
            tell(f"FAILED {name}:\n{found.failed}" if found.failed else found.row)
    said = (
        f"Guided by coverage (atheris): {time.strftime('%Y-%m-%d')}, {chosen.seconds} s for each: "
        f"{total:,} cases to {len(chosen.parsers or names)} parsers, {failed} failed."
    )
    tell(said)
    if chosen.write and not failed:
        write_between("security.md", "guided", said)
    return failed


def guided(name: str, seconds: int, keep: Path) -> Found:
    """Fuzz one parser in a process of its own, which libFuzzer ends."""
    corpus = keep / name.replace(" ", "-").replace("/", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    parser = named(name)
    for number, example in enumerate(parser.cases.examples):
        (corpus / f"example-{number}").write_bytes(example[:LONGEST])
    command = [sys.executable, "-m", "tests.fuzz.guided", "--child", "--keep", str(corpus)]
    _counter(corpus).write_bytes(bytes(8))
    done = subprocess.run(
        [*command, "--seconds", str(seconds), name],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LORABAKE_LOOK_ELSEWHERE": "0"},
        timeout=seconds * 3 + 300,
    )
    cases = int.from_bytes(_counter(corpus).read_bytes(), "little")
    went_well = done.returncode == 0 and cases
    shutil.rmtree(_files(corpus), ignore_errors=True)
    said = (done.stderr + done.stdout)[-4000:] or f"exit code {done.returncode}"
    return Found(name, cases, sum(1 for _ in corpus.iterdir()), "" if went_well else said)


def _counter(corpus: Path) -> Path:
    """Where a child counts what was a case at all: libFuzzer also counts bytes that stand for none."""
    return corpus.with_name(f"{corpus.name}.cases")


def _files(corpus: Path) -> Path:
    """For the files that a parser reads."""
    return corpus.with_name(f"{corpus.name}.files")


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
    fed, folder = Fed(), _files(corpus)
    folder.mkdir(exist_ok=True)
    with _counter(corpus).open("r+b") as file:
        counted = mmap.mmap(file.fileno(), 8)

    def one(data: bytes) -> None:
        try:
            case = parser.cases.of_bytes(data)
        except ValueError:
            return
        fed.one(parser, case, folder, watched=False)
        counted[:] = fed.cases.to_bytes(8, "little")

    options = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}"]
    options += [f"-max_len={LONGEST}", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(min(main(), 2))
