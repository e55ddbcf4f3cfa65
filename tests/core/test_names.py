"""Names from outside never lead out of their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.errors import BadName
from lorabake.core.names import (
    free_name,
    is_safe_name,
    name_key,
    natural_key,
    safe_name,
    shown,
    slug,
)
from lorabake.core.workspace import inside

NASTY = st.sampled_from(
    [
        "..",
        "/",
        "\\",
        ":",
        "\0",
        "\n",
        "C:",
        "CON",
        "nul",
        "com¹",
        ".txt",
        " ",
        ".",
        "\u202e",
        "\u200b",
        "kafka",
        "カフカ",
        "🦋",
        "e\u0301",
        "ﬁ",
        "İ",
        "~",
        "$HOME",
        "%2e%2e",
        "\\\\server\\share",
        "\ud800",
    ]
)
names = st.one_of(st.text(max_size=250), st.lists(NASTY, max_size=6).map("".join))


@pytest.mark.parametrize(
    "name",
    [
        "kafka",
        "5_kafka",
        "Kafka (Honkai) v2",
        "カフカ",
        "kafka 🦋",
        "a.b",
        "ünï",
        "console",
        "com",
        "con_1",
    ],
)
def test_good_names_stay_as_they_are(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("  \u200b", "empty"),
        ("..", "dot"),
        (".hidden", "dot"),
        ("ends.", "dot"),
        ("a/b", "leave out /"),
        ("a\\b", "leave out"),
        ("a.txt:stream", "leave out :"),
        ("C:", "leave out :"),
        ("what?", r"leave out \?"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\u2028b", "control"),
        ("\ud800", "control"),
        ("x" * 101, "too long"),
        ("語" * 70, "too long"),
        ("CON", "Windows"),
        ("nul.txt", "Windows"),
        ("aux .png", "Windows"),
        ("COM1", "Windows"),
        ("lpt¹", "Windows"),
        ("conin$", "Windows"),
    ],
)
def test_bad_names_are_refused_with_the_remedy(name: str, why: str) -> None:
    with pytest.raises(BadName, match=why) as caught:
        safe_name(name)
    str(caught.value).encode("utf-8")
    assert slug(name)
    assert is_safe_name(slug(name))


def test_invisible_characters_are_removed() -> None:
    assert safe_name("kaf\u202eka\u200b ") == "kafka"
    assert safe_name("e\u0301") == "é"


@given(names)
@settings(max_examples=200, deadline=None)
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    base = Path("/tmp/base").resolve()
    try:
        path = inside(base, name)
    except BadName as error:
        str(error).encode("utf-8")
        return
    assert path.parent == base
    assert path != base
    assert os.path.normpath(path) == str(path)
    assert safe_name(path.name) == path.name
    assert len(os.fsencode(path.name)) <= 200


@given(names)
@settings(max_examples=200, deadline=None)
def test_every_text_has_a_slug_that_is_a_name(text: str) -> None:
    assert safe_name(slug(text)) == slug(text)
    if is_safe_name(text):
        assert slug(text) == text


@given(st.lists(names.map(slug), max_size=6), names.map(slug))
@settings(max_examples=100, deadline=None)
def test_a_free_name_is_free_on_every_system(taken: list[str], wanted: str) -> None:
    free = free_name(wanted, taken)
    assert is_safe_name(free)
    assert name_key(free) not in {name_key(name) for name in taken}


def test_names_that_are_one_file_elsewhere_have_one_key() -> None:
    assert name_key("Kafka") == name_key("kafka")
    assert name_key("é") == name_key("e\u0301") == name_key("É")


def test_natural_order() -> None:
    names = ["10.png", "2.png", "1.png", "a10", "A2", "b", "01.png"]
    assert sorted(names, key=natural_key) == [
        "01.png",
        "1.png",
        "2.png",
        "10.png",
        "A2",
        "a10",
        "b",
    ]


@given(st.lists(st.text(max_size=8), unique=True, max_size=8))
def test_natural_order_is_total(names: list[str]) -> None:
    other_way = list(reversed(names))
    assert sorted(names, key=natural_key) == sorted(other_way, key=natural_key)


def test_names_in_sentences_are_short_and_visible() -> None:
    assert shown("a\u202eb\n") == "a�b�"
    assert len(shown("x" * 500)) == 60
