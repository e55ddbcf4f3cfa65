"""Regular expressions from a person's keyboard: useful, and never able to hang the page."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions.expressions import MAX_PATTERN, Expression
from lorabake.captions.process import match_count
from lorabake.captions.settings import FieldError
from tests.captions.making import items


def test_matches_are_counted_in_all_captions():
    texts = items("long hair, longer", "a", "Long")
    assert match_count(texts, "long") == 3
    assert match_count(texts, "^long$") == 1
    assert match_count(texts, "hair, long", scope="captions") == 1
    assert match_count(texts, "") == 0
    assert match_count(texts, "x*") == 0  # matches of nothing are none


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "[a",
        "*",
        "(?P<a",
        r"(?P=none)",
        "(?<=a+b",
        "a{2}{600}{3}",
        "(?:a{40}){40}",
        "(?R)a",
        "x" * 201,
    ],
)
def test_what_is_no_expression_or_a_dangerous_one_is_refused_in_a_sentence(pattern):
    with pytest.raises(FieldError) as told:
        Expression(pattern)
    assert told.value.field == "regex_find"
    assert str(told.value).endswith(".")
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(x+x+)+y", "x" * 5000),
        (r"(?:.*a){50}b", "a" * 2000),
        (r"((a{0,30}){0,30})+$", "a" * 5000 + "b"),
    ],
)
def test_an_expression_that_would_take_for_ever_is_stopped(pattern, text):
    begin = time.monotonic()
    with pytest.raises(FieldError, match="takes too long"):
        Expression(pattern, seconds=0.2).count(text)
    with pytest.raises(FieldError, match="takes too long"):
        Expression(pattern, seconds=0.2).sub(text)
    assert time.monotonic() - begin < 10


def test_the_time_is_for_all_captions_together():
    slow = Expression(r"(x+x+)+y", seconds=0.2)
    begin = time.monotonic()
    for _ in range(100):
        with pytest.raises(FieldError):
            slow.count("x" * 3000)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("replacement", [r"\1", r"\g<none>", r"\g<1"])
def test_a_replacement_that_does_not_work_is_refused(replacement):
    with pytest.raises(FieldError) as told:
        Expression("a", replacement).sub("a")
    assert told.value.field == "regex_replace"


def test_a_replacement_cannot_fill_the_memory():
    with pytest.raises(FieldError, match="far too long"):
        Expression(r"(?=(.*))", r"\1" * 100).sub("x" * 60_000)


@given(
    st.text(alphabet="ab()[]{}|*+?.^$\\<>=:!-,019P", max_size=MAX_PATTERN),
    st.text("ab, ", max_size=60),
)
def test_any_pattern_gives_a_result_or_a_sentence(pattern, text):
    try:
        changed = Expression(pattern, seconds=0.05).sub(text)
    except FieldError:
        return  # nothing else may come out
    assert len(changed) <= len(text)  # replaced by nothing
