"""Settings files may come from anybody: each is read, or refused in one sentence and at once."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.errors import RecipeError
from lorabake.core.toml import MAX_BYTES, MAX_KEY_PARTS, dump_toml, parse_toml, read_toml

BOMBS = {
    "100,000 nested arrays": "a = " + "[" * 100_000 + "]" * 100_000,
    "as many nested arrays as fit": "a = " + "[" * 30_000 + "]" * 30_000,
    "nested inline tables": "a = " + "{a = " * 12_000,
    "40 KB dotted key": "a." * 20_000 + "a = 1",
    "dotted key in quotes": '"!".' * 15_000 + "a = 1",
    "dotted key in single quotes": "'!'." * 15_000 + "a = 1",
    "dotted key of escaped quotes": '"\\"".' * 10_000 + "a = 1",
    "dotted key with spaces": "a . " * 15_000 + "a = 1",
    "dotted key behind a text": 'b = {a = """x"""", ' + '"!".' * 15_000 + "a = 1}",
    "dotted key behind a remark": "# it's \"\n" + '"!".' * 15_000 + "a = 1",
    "dotted table name": "[" + "a." * 20_000 + "a]",
    "many dotted keys": "\n".join(f"{'a.' * 14}k{n} = 1" for n in range(1_500)),
    "huge whole number": "a = " + "9" * 60_000,
    "more than 64 KB": "a = 1\n" * 12_000,
    "unclosed text": 'a = """' + "x" * 60_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_toml_bomb_is_refused_in_less_than_a_second(bomb: str) -> None:
    start = time.process_time()
    with pytest.raises(RecipeError):
        parse_toml(bomb, "recipe.toml")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{n} = 1\n" for n in range(6_000)),
        "".join(f"[a.b{n}.c]\n" for n in range(4_000)),
        "[[a.b.c.d]]\n" * 5_000,
        "a = {" + ", ".join(f"b.c.k{n} = 1" for n in range(4_000)) + "}",
    ],
    ids=["keys", "tables", "arrays of tables", "inline keys"],
)
def test_a_large_but_honest_file_takes_less_than_two_seconds(text: str) -> None:
    start = time.process_time()
    assert parse_toml(text, "recipe.toml")
    assert time.process_time() - start < 2


@pytest.mark.parametrize("quoted", ["a", '"a b"', "'ä'"])
def test_a_dotted_key_may_have_as_many_parts_as_levels_are_allowed(quoted: str) -> None:
    assert parse_toml(".".join([quoted] * 8) + " = 1", "recipe.toml")
    with pytest.raises(RecipeError, match="nested"):
        parse_toml(".".join([quoted] * (MAX_KEY_PARTS + 1)) + " = 1", "recipe.toml")


@pytest.mark.parametrize(
    "text",
    [
        "a = '" + "1." * 40 + "'",
        'a = "' + "1." * 40 + '"',
        'a = """' + "x.\n" * 40 + '"""',
        "a = 1  # " + "see." * 40,
    ],
)
def test_dots_in_texts_and_remarks_are_no_keys(text: str) -> None:
    assert parse_toml(text, "recipe.toml") == tomllib.loads(text)


def test_broken_toml_is_named_with_its_line() -> None:
    with pytest.raises(RecipeError, match=r"mine\.toml is not valid TOML.*line 2"):
        parse_toml("a = 1\nb = = 2", "mine.toml")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes('\ufefftitle = "ä"\r\n'.encode())
    assert read_toml(path) == {"title": "ä"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("title = 'ä'".encode("utf-16"), "not UTF-8"),
        ("title = 'ä'".encode("latin-1"), "not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "larger than 64 KB"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        (b"a\0b = 1", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_settings_file_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=sentence) as refused:
        read_toml(path)
    assert "mine.toml" in str(refused.value)


def test_a_file_of_exactly_64_kb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_bytes(b"a = 1\n".ljust(MAX_BYTES, b"#"))
    assert read_toml(path) == {"a": 1}


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read"):
            read_toml(path)


TOML_PIECES = st.sampled_from(
    ['"', "'", '"""', "'''", "\\", ".", "=", "[", "]", "{", "}", "\n", "#", ",", " ", "a", "1", "-"]
    + ["\r", "\0", "é", "1979-05-27", "0x", "inf", "[[", "]]", "true", "\t", "1e999", "\\u0000"]
)


@settings(max_examples=150)
@given(st.one_of(st.text(), st.lists(TOML_PIECES, max_size=40).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        contents = parse_toml(text, "any.toml")
    except RecipeError:
        return
    assert contents == tomllib.loads(text)


LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60)
@given(
    st.dictionaries(
        NAMES,
        st.one_of(LEAVES, st.lists(LEAVES, max_size=3), st.dictionaries(NAMES, LEAVES)),
        max_size=4,
    )
)
def test_what_is_written_reads_back_equal(contents: dict[str, object]) -> None:
    # Values of the top level first: behind a table they would belong to it.
    ordered = dict(sorted(contents.items(), key=lambda item: isinstance(item[1], dict)))
    assert parse_toml(dump_toml(ordered), "own.toml") == contents


def test_a_remark_stands_behind_its_line() -> None:
    text = dump_toml({"network": {"network_dim": 8}}, {"network.network_dim": "Network dim"})
    assert "network_dim = 8 # Network dim" in text.splitlines()
    assert parse_toml(text, "own.toml") == {"network": {"network_dim": 8}}
