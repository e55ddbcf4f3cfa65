from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.tags import (
    KAOMOJI,
    caption_form,
    escape_brackets,
    split_weight,
    tag_key,
    unescape_brackets,
    with_weight,
)


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("long hair", "long_hair"),
        ("Long_Hair ", "long_hair"),
        (r"kafka \(honkai: star rail\)", "kafka_(honkai:_star_rail)"),
        ("kafka (honkai: star rail)", "kafka_(honkai:_star_rail)"),
        ("(long hair:1.2)", "long_hair"),
        ("^_^", "^_^"),
        (r"\m/", r"\m/"),
    ],
)
def test_two_spellings_of_one_tag(spelling: str, key: str) -> None:
    assert tag_key(spelling) == key


def test_faces_keep_their_underscore() -> None:
    assert len(KAOMOJI) == 19
    for face in KAOMOJI:
        assert caption_form(face) == face
        assert caption_form(face, escape=True) == face
    assert caption_form("long_hair") == "long hair"
    assert caption_form("long_hair", underscores=True) == "long_hair"


def test_brackets_are_escaped_once() -> None:
    once = escape_brackets("kafka (hsr)")
    assert once == r"kafka \(hsr\)"
    assert escape_brackets(once) == once
    assert unescape_brackets(once) == "kafka (hsr)"
    assert caption_form("kafka_(hsr)", escape=True) == once


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("(long hair:1.2)", ("long hair", 1.2)),
        ("(kafka (hsr):0.8)", ("kafka (hsr)", 0.8)),
        ("kafka (honkai: star rail)", ("kafka (honkai: star rail)", None)),
        ("(re:2)", ("re", 2.0)),
        (r"\(re:2\)", (r"\(re:2\)", None)),
    ],
)
def test_weights(tag: str, parts: tuple[str, float | None]) -> None:
    assert split_weight(tag) == parts


@given(st.text(max_size=60))
def test_any_text_is_safe(text: str) -> None:
    assert escape_brackets(escape_brackets(text)) == escape_brackets(text)
    assert tag_key(tag_key(text)) == tag_key(text) or "\\" in text or ":" in text
    assert with_weight(*split_weight(text)) in (text, text.strip()) or ":" in text
