"""Captions: whichever editor wrote them, read, and written back in its way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.caption import (
    Caption,
    caption_lines,
    caption_path,
    clean_text,
    encode_like,
    parse_caption,
    read_caption,
    text_hash,
    with_tags,
)
from lorabake.core.errors import DatasetError

LONG_EARS = "kafka, long ears, smile"


@pytest.mark.parametrize(
    ("raw", "tags"),
    [
        (b"kafka, smile", ("kafka", "smile")),
        (b"\xef\xbb\xbfkafka, smile\r\n", ("kafka", "smile")),
        ("kafka, smile".encode("utf-16"), ("kafka", "smile")),
        ("カフカ, 笑顔".encode("cp932"), ("カフカ", "笑顔")),
        ("café, smile".encode("latin-1"), ("café", "smile")),
        (b"\r\n\r\n kafka ,, smile,\r\nsecond, line", ("kafka", "smile")),
        (b"", ()),
        (b" , ,\n", ()),
        (b":d, =_=, (kafka:1.2)", (":d", "=_=", "(kafka:1.2)")),
    ],
)
def test_captions_of_any_editor(tmp_path: Path, raw: bytes, tags: tuple[str, ...]) -> None:
    (tmp_path / "1.txt").write_bytes(raw)
    assert read_caption(tmp_path / "1.txt").caption == Caption(tags)


def test_what_deserves_a_look_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(b"kafka\nsmile\n")
    assert read_caption(path).note.startswith(
        "1.txt has 2 lines, of which only the first is trained"
    )
    path.write_bytes("カフカ".encode("cp932"))
    assert "is not UTF-8 and was read as cp932" in read_caption(path).note
    path.write_bytes(b"kafka\r\n")
    assert read_caption(path).note == ""
    missing = read_caption(tmp_path / "2.txt")
    assert (missing.exists, missing.text, missing.hash) == (False, "", text_hash(""))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"a\0b", "not a text file"),
        (b"\xff\xfea", "not a text file"),
        (b"x" * 65_537, "larger than 64 KiB"),
    ],
)
def test_what_is_no_caption_is_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=why):
        read_caption(path)


def test_a_folder_in_the_place_of_a_caption_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "1.txt").mkdir()
    with pytest.raises(DatasetError, match="cannot be read"):
        read_caption(tmp_path / "1.txt")


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"a, b\r\nsecond\r\n", b"a, c\r\nsecond\r\n"),
        (b"a, b\n", b"a, c\nsecond\n"),
        (b"a, b", b"a, c\nsecond"),
        (b"a\rb\r", b"a, c\rsecond\r"),
        (b"\xef\xbb\xbfa, b", b"\xef\xbb\xbfa, c\nsecond"),
        ("\ufeffa, b\r\n".encode("utf-16-le"), "\ufeffa, c\r\nsecond\r\n".encode("utf-16-le")),
        ("\ufeffa, b".encode("utf-16-be"), "\ufeffa, c\nsecond".encode("utf-16-be")),
        (b"a\0b", b"a, c\nsecond"),
        (b"", b"a, c\nsecond"),
        (None, b"a, c\nsecond"),
    ],
)
def test_a_new_text_is_written_in_the_files_own_way(raw: bytes | None, written: bytes) -> None:
    assert encode_like(raw, "a, c\nsecond") == written


def test_other_encodings_stay_as_long_as_the_letters_fit() -> None:
    japanese = "カフカ, 笑顔".encode("cp932")
    assert encode_like(japanese, "笑顔, カフカ") == "笑顔, カフカ".encode("cp932")
    assert encode_like(japanese, "笑顔, café") == "笑顔, café".encode()
    western = "café, smile".encode("cp1252")
    assert encode_like(western, "smile, café") == "smile, café".encode("cp1252")
    # These letters of Windows would be read as Japanese ones.
    assert encode_like(western, "é±") == "é±".encode()


def test_what_was_not_edited_keeps_every_byte() -> None:
    raw = b"\xef\xbb\xbfa ,b\r\nsecond\nthird\r\n"
    assert encode_like(raw, "a ,b\nsecond\nthird") == raw
    assert encode_like(raw, "a ,b\r\nsecond\r\nthird") == raw
    assert encode_like(b"a\n", "") == b""
    twice_marked = b"\xef\xbb\xbf" * 2
    assert encode_like(twice_marked, "\ufeff") == twice_marked


def test_what_no_caption_can_hold_is_refused_or_replaced() -> None:
    with pytest.raises(DatasetError, match="NUL"):
        encode_like(None, "a\0")
    with pytest.raises(DatasetError, match="64 KiB"):
        encode_like(None, "a" * 70_000)
    assert encode_like(None, "half \ud83d") == "half \ufffd".encode()
    assert encode_like(None, "whole \ud83d\ude00") == "whole 😀".encode()


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp932", "cp1252", "latin-1")


@given(st.text(), st.text(), st.sampled_from(ENCODINGS), st.sampled_from(["\n", "\r\n", "\r"]))
@settings(max_examples=400, deadline=None)
def test_any_text_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, old: str, text: str, encoding: str, newline: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    raw = old.replace("\n", newline).encode(encoding, "replace")
    if "\0" in text:
        return
    path.write_bytes(encode_like(raw, clean_text(text)))
    read = read_caption(path)
    assert read.text == clean_text(text)
    assert read.hash == text_hash(clean_text(text))
    assert read.raw == path.read_bytes()
    assert encode_like(read.raw, read.text) == read.raw, "nothing new writes nothing new"


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_file_that_is_read_is_written_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.txt"
    path.write_bytes(raw)
    try:
        text = read_caption(path).text
    except DatasetError:
        return
    assert encode_like(raw, text) == raw


@given(st.text(), st.lists(st.text(alphabet="ab _(", min_size=1, max_size=5), max_size=4))
@settings(max_examples=150, deadline=None)
def test_other_tags_leave_the_other_lines(text: str, words: list[str]) -> None:
    tags = parse_caption(", ".join(words)).tags
    changed = with_tags(text, tags)
    if tags:
        assert parse_caption(changed).tags == tags
        assert caption_lines(changed)[1:] == caption_lines(text)[1:]
    assert with_tags("x\n\na, b\nc\n", ("d",)) == "d\n\na, b\nc\n"


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_parsing_what_was_formatted_changes_nothing(text: str) -> None:
    caption = parse_caption(text)
    assert parse_caption(caption.text) == caption


def test_lines_are_kept_for_wildcards() -> None:
    assert caption_lines("kafka,smile\n\n ,\n red  hair ,x") == ("kafka, smile", "red  hair, x")
    assert caption_lines("") == ()


def test_the_caption_lies_beside_its_picture() -> None:
    assert caption_path(Path("x/a.b.png")) == Path("x/a.b.txt")
    assert caption_path(Path("x/a.png"), ".caption") == Path("x/a.caption")
    assert parse_caption(LONG_EARS).text == LONG_EARS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x, y"),
        ("a, b", "x, y"),
        ("\n\na\nb", "\n\nx, y\nb"),
        ("  \n", "x, y"),
        ("a\n\nb\n", "x, y\n\nb\n"),
    ],
)
def test_only_the_trained_line_is_replaced(text, expected):
    assert with_tags(text, ["x", "y"]) == expected
