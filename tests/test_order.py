"""What begins first where several processes share the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.order import LONG, file_of, long_files_first

ROOT = Path(__file__).parents[1]


def test_every_long_file_is_there() -> None:
    assert [name for name in LONG if not (ROOT / name).exists()] == []


def test_a_file_stays_whole_and_the_long_ones_begin(request: pytest.FixtureRequest) -> None:
    """Of what is collected in this very start, which may be all of it or this file alone."""
    before = list(request.session.items)
    items = before[::-1]
    long_files_first(items)
    files = [file_of(item) for item in items]
    begun = list(dict.fromkeys(files))
    assert files == [name for name in begun for _ in range(files.count(name))]
    assert sorted(map(id, items)) == sorted(map(id, before))
    known = [LONG[name] for name in begun if name in LONG]
    assert known == sorted(known, reverse=True)
