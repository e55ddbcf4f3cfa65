"""Whatever is fed to them, parsers give an answer or a sentence, within a second."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from lorabake.core.errors import LorabakeError
from tests.fuzz import runner, watchdog
from tests.fuzz.mutations import texts
from tests.fuzz.parsers import PARSERS, Parser
from tests.fuzz.runner import drawn, feed, feed_apart, feed_many, many
from tests.fuzz.watchdog import HAS_TIMERS, Hangs

QUICK = 240  # cases of the quickest; the others in proportion
MANY = 20_000


def _id(parser: Parser) -> str:
    return parser.name.replace(" ", "-")


@pytest.mark.parametrize("parser", PARSERS, ids=_id)
def test_a_few_of_everything(parser: Parser) -> None:
    feed(parser, max(30, QUICK // parser.pace))


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS, ids=_id)
def test_many_of_everything(parser: Parser) -> None:
    """docs/reliability.md has its last figures, and how long it takes."""
    assert feed_apart(parser, many(parser, MANY), seed=0).failed == ""


@pytest.mark.parametrize("parser", PARSERS, ids=_id)
def test_examples_are_cases_as_bytes_too(parser: Parser, tmp_path: Path) -> None:
    """What a fuzzer that thinks in bytes begins with is read, or refused with a sentence."""
    assert parser.cases.examples
    fed = runner.Fed()
    for example in parser.cases.examples:
        fed.one(parser, parser.cases.of_bytes(example), tmp_path)


# --- the feeding itself: what it must find ------------------------------------------------------------


def _endless(_: str, __: Path) -> None:
    while True:
        pass


def _swallowing(_: str, __: Path) -> None:
    """As a parser with a net that is too wide."""
    try:
        while True:
            pass
    except Exception as error:
        raise LorabakeError("No.") from error


def _waiting(_: str, __: Path) -> None:
    time.sleep(60)


def _deaf(_: str, __: Path) -> None:
    sum(range(10**14))  # one call into C


def _gone(_: str, __: Path) -> None:
    os._exit(3)


def _silent(_: str, __: Path) -> None:
    raise LorabakeError(" ")


def _row(read: object) -> Parser:
    return Parser("a test's", texts("abc"), read)  # type: ignore[arg-type]


needs_timers = pytest.mark.skipif(not HAS_TIMERS, reason="there are no such timers on Windows")


@needs_timers
@pytest.mark.parametrize("read", [_endless, _swallowing])
def test_what_never_ends_is_found(read: object) -> None:
    with pytest.raises(Hangs, match="more than"), runner.watchdog():
        runner.Fed().one(_row(read), "x", Path())


@needs_timers
def test_what_waits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "WAITS", 0.2)
    assert "waits" in feed_many(_row(_waiting), 1, 0).failed


@needs_timers
@pytest.mark.parametrize(
    ("read", "why"),
    [(_deaf, "killed by SIGVTALRM"), (_gone, "exit code 3"), (_silent, "the sentence is empty")],
)
def test_what_ends_the_process_is_found(
    read: object, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "KILLED", 0.5)
    parser = _row(read)
    failed = feed_apart(parser, 5, seed=3).failed
    assert re.match(rf".*{why}.*seed 3, case 0: ", failed), failed
    assert repr(drawn(parser, 3, 0)) in failed


def test_counting() -> None:
    parser = Parser("a test's", texts("abc"), _refusing_long)
    fed, again = feed_apart(parser, 50, 1), feed_many(parser, 50, 1)
    assert (fed.cases, fed.failed) == (50, "")
    assert fed.refused == again.refused > 0
    assert many(Parser("", texts("a"), _refusing_long, pace=20), 20_000) == 1000


def _refusing_long(text: str, _: Path) -> None:
    if len(text) > 3:
        raise LorabakeError("Too long.")
