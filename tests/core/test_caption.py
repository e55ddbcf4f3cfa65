"""Captions: whichever editor wrote them, and two windows cannot overwrite one another."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.caption import (
    Caption,
    StaleCaption,
    caption_lines,
    caption_path,
    parse_caption,
    read_caption,
    save_caption,
    text_hash,
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
    with pytest.raises(DatasetError, match=why):
        save_caption(tmp_path / "1.png", "mine", text_hash(""))
    assert path.read_bytes() == raw


def test_a_folder_in_the_place_of_a_caption_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "1.txt").mkdir()
    with pytest.raises(DatasetError, match="cannot be read"):
        read_caption(tmp_path / "1.txt")


@pytest.mark.parametrize(
    ("raw", "saved"),
    [
        (b"a, b\r\nsecond\r\n", b"a, c\r\nsecond\r\n"),
        (b"a, b\n", b"a, c\nsecond\n"),
        (b"a, b", b"a, c\nsecond"),
        (b"\xef\xbb\xbfa, b", b"a, c\nsecond"),
        (None, b"a, c\nsecond"),
    ],
)
def test_saving_keeps_line_ends(tmp_path: Path, raw: bytes | None, saved: bytes) -> None:
    image, path = tmp_path / "1.png", tmp_path / "1.txt"
    if raw is not None:
        path.write_bytes(raw)
    now = save_caption(image, "a, c\nsecond", read_caption(path).hash)
    assert path.read_bytes() == saved
    assert now == read_caption(path).hash


def test_a_stale_caption_is_answered_with_both_texts(tmp_path: Path) -> None:
    image, path = tmp_path / "1.png", tmp_path / "1.txt"
    path.write_text("kafka", encoding="utf-8")
    first = second = read_caption(path).hash
    save_caption(image, "kafka, smile", first)
    with pytest.raises(StaleCaption, match="changed elsewhere") as caught:
        save_caption(image, "kafka, hat", second)
    stale = caught.value
    assert (stale.disk_text, stale.my_text) == ("kafka, smile", "kafka, hat")
    assert path.read_text(encoding="utf-8") == "kafka, smile"
    save_caption(image, "kafka, smile, hat", stale.disk_hash)
    assert path.read_text(encoding="utf-8") == "kafka, smile, hat"
    assert save_caption(image, "kafka, smile, hat", first), "both wrote the same: no conflict"


def test_saving_nothing_new_writes_nothing(tmp_path: Path) -> None:
    save_caption(tmp_path / "1.png", "", text_hash(""))
    assert not (tmp_path / "1.txt").exists()
    with pytest.raises(DatasetError, match="NUL"):
        save_caption(tmp_path / "1.png", "a\0", text_hash(""))
    with pytest.raises(DatasetError, match="64 KiB"):
        save_caption(tmp_path / "1.png", "a" * 70_000, text_hash(""))


EDIT = """
import sys; from pathlib import Path
from lorabake.core.caption import StaleCaption, read_caption, save_caption
image, who, done = Path(sys.argv[1]), sys.argv[2], 0
while done < 25:
    found = read_caption(image.with_suffix(".txt"))
    try:
        save_caption(image, f"{found.text}, {who}{done}", found.hash)
        done += 1
    except StaleCaption:
        pass
"""


def test_no_edit_is_lost_between_processes_and_threads(tmp_path: Path) -> None:
    """Each adds its tags, and begins again when somebody else was faster."""
    image = tmp_path / "1.png"
    root = Path(__file__).parents[2]
    others = [
        subprocess.Popen([sys.executable, "-c", EDIT, str(image), who], cwd=root) for who in "ab"
    ]

    def edit(who: str) -> None:
        done = 0
        while done < 25:
            found = read_caption(caption_path(image))
            try:
                save_caption(image, f"{found.text}, {who}{done}", found.hash)
                done += 1
            except StaleCaption:
                continue

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(edit, "cd"))
    assert [other.wait(60) for other in others] == [0, 0]
    tags = read_caption(caption_path(image)).caption.tags
    assert sorted(tags) == sorted(f"{who}{number}" for who in "abcd" for number in range(25))


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_that_is_saved_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    image = tmp_path_factory.getbasetemp() / "any.png"
    caption_path(image).unlink(missing_ok=True)
    try:
        now = save_caption(image, text, text_hash(""))
    except DatasetError:
        assert "\0" in text
        return
    if text:
        assert read_caption(caption_path(image)).hash == now


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
