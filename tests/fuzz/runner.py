"""Feeding one parser with many cases, and counting."""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given

from tests.fuzz.parsers import Parser
from tests.fuzz.watchdog import HANG, ends_with_the_kernel, timed, watchdog

LONGEST = 2000  # characters of a sentence
SHOWN = 4000  # characters of a case in a report


@dataclass
class Fed:
    """What came of it. refused: cases answered with a sentence; slowest: seconds of the slowest.

    failed: of the case that escaped, its number, it and why; "" when all went well.
    """

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    failed: str = ""

    def one(self, parser: Parser, case: Any, folder: Path, *, watched: bool = True) -> None:
        """AssertionError, Hangs, or whatever else escapes, for a case that the parser does not bear.

        watched: also that it takes no more than a second.
        """
        self.cases += 1
        started = time.process_time()
        try:
            with timed() if watched else nullcontext():
                parser.read(case, folder)
        except parser.may_raise as refused:
            self.refused += 1
            told = str(refused)
            assert told.strip(), "the sentence is empty"
            told.encode()  # half letters cannot be shown
            assert len(told) < LONGEST, f"the sentence has {len(told)} characters"
        took = time.process_time() - started
        self.slowest = max(self.slowest, took)
        assert took < HANG or not watched, f"{parser.name}: {took:.1f} s for one case"


def many(parser: Parser, cases: int) -> int:
    """As many as take as long as `cases` of the quickest parsers, and two hundred at least."""
    return max(200, cases // parser.pace)


def feed(parser: Parser, cases: int) -> Fed:
    """The same cases each time; the one that fails is made small."""
    fed = Fed()
    with _folder() as folder, watchdog():

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


def drawn(parser: Parser, seed: int, number: int) -> Any:
    """The same case each time, without those before it."""
    return parser.cases.draw(random.Random(f"{parser.name} {seed} {number}"))


def feed_many(
    parser: Parser, cases: int, seed: int, before_each: Callable[[int], None] = lambda _: None
) -> Fed:
    """As many as wanted, without hypothesis and so much faster; ends with the first that fails."""
    fed = Fed()
    with _folder() as folder, watchdog():
        for number in range(cases):
            before_each(number)
            case = drawn(parser, seed, number)
            try:
                fed.one(parser, case, folder)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                fed.failed = _report(seed, number, case, f"{type(error).__name__}: {error}")
                return fed
    return fed


def feed_apart(parser: Parser, cases: int, seed: int) -> Fed:
    """The same in a process of its own, which also finds what hangs where no signal gets through,
    and what ends the process. Where processes cannot be forked, in this one."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return feed_many(parser, cases, seed)
    context = multiprocessing.get_context("fork")
    at = context.Value("q", -1, lock=False)
    ours, theirs = context.Pipe(duplex=False)

    def work() -> None:
        def begin(number: int) -> None:
            at.value = number
            ends_with_the_kernel()

        theirs.send(feed_many(parser, cases, seed, begin))

    child = context.Process(target=work, daemon=True)
    child.start()
    theirs.close()
    try:
        fed: Fed = ours.recv()
    except EOFError:  # it is gone without a word
        child.join()
        code, number = child.exitcode or 0, int(at.value)
        why = (
            f"killed by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
        fed = Fed(cases=number + 1, failed=_report(seed, number, drawn(parser, seed, number), why))
    finally:
        ours.close()
    child.join()
    return fed


def _report(seed: int, number: int, case: Any, why: str) -> str:
    return f"{why} (seed {seed}, case {number}: {case!r:.{SHOWN}})"


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lorabake-fuzz-") as made:
        yield Path(made)
