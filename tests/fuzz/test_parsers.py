"""Whatever is fed to them, parsers give an answer or a sentence, within a second."""

from __future__ import annotations

import pytest

from tests.fuzz.parsers import PARSERS, Parser
from tests.fuzz.runner import feed, feed_many, many

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
    feed_many(parser, many(parser, MANY), seed=0)
