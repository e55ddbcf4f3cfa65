"""Feeding one parser with many cases, and counting."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given

from tests.fuzz.parsers import Parser

HANG = 1.0  # seconds of this process's own time for one case
LONGEST = 2000  # characters of a sentence


@dataclass
class Fed:
    """What came of it. refused: cases answered with a sentence; slowest: seconds of the slowest."""

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0

    def one(self, parser: Parser, case: Any, folder: Path) -> None:
        """AssertionError, or whatever else escapes, for a case that the parser does not bear."""
        self.cases += 1
        started = time.process_time()
        try:
            parser.read(case, folder)
        except parser.may_raise as refused:
            self.refused += 1
            told = str(refused)
            assert told.strip(), "the sentence is empty"
            told.encode()  # half letters cannot be shown
            assert len(told) < LONGEST, f"the sentence has {len(told)} characters"
        took = time.process_time() - started
        self.slowest = max(self.slowest, took)
        assert took < HANG, f"{parser.name}: {took:.1f} s for one case"


def many(parser: Parser, cases: int) -> int:
    """As many as take as long as `cases` of the quickest parsers, and two hundred at least."""
    return max(200, cases // parser.pace)


def feed(parser: Parser, cases: int) -> Fed:
    """The same cases each time; the one that fails is made small."""
    fed = Fed()
    with _folder() as folder:

        @hypothesis.settings(
            max_examples=cases,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=parser.cases.strategy)
        def each(case: Any) -> None:
            fed.one(parser, case, folder)

        each()
    return fed


def feed_many(parser: Parser, cases: int, seed: int) -> Fed:
    """As many as wanted, without hypothesis and so much faster; says which one failed."""
    fed = Fed()
    rng = random.Random(f"{parser.name} {seed}")
    with _folder() as folder:
        for number in range(cases):
            case = parser.cases.draw(rng)
            try:
                fed.one(parser, case, folder)
            except BaseException as error:
                error.add_note(f"{parser.name}, seed {seed}, case {number}: {case!r:.4000}")
                raise
    return fed


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lorabake-fuzz-") as made:
        yield Path(made)
