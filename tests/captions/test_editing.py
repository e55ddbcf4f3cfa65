"""Saving captions: as a step, in the file's own way, and never over what somebody else wrote."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lorabake.captions.editing import (
    Edit,
    history_of,
    redo_picture,
    save_many,
    save_text,
    undo_picture,
)
from lorabake.core.caption import StaleCaption, caption_path, read_caption, text_hash
from lorabake.core.errors import DatasetError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "5_kafka").mkdir()
    return tmp_path / "5_kafka" / "1.png"


def test_a_caption_is_saved_undone_and_redone(tmp_path: Path, image: Path) -> None:
    path = caption_path(image)
    path.write_bytes(b"\xef\xbb\xbfkafka\r\n")
    first = save_text(tmp_path, image, "kafka, smile", read_caption(path).hash)
    assert path.read_bytes() == b"\xef\xbb\xbfkafka, smile\r\n"
    second = save_text(tmp_path, image, "smile, kafka\n", first.hash)
    assert second.text == "smile, kafka"
    assert second.hash == read_caption(path).hash
    assert [operation.title for operation in history_of(tmp_path).operations()] == [
        "Edit 1.txt",
        "Edit 1.txt",
    ]
    assert undo_picture(tmp_path, image) == first
    undone = undo_picture(tmp_path, image)
    assert undone is not None
    assert undone.text == "kafka"
    assert path.read_bytes() == b"\xef\xbb\xbfkafka\r\n"
    assert undo_picture(tmp_path, image) is None
    assert redo_picture(tmp_path, image) == first
    assert redo_picture(tmp_path, image) == second
    assert redo_picture(tmp_path, image) is None


def test_the_first_caption_of_a_picture_is_undone_to_none(tmp_path: Path, image: Path) -> None:
    saved = save_text(tmp_path, image, "kafka", text_hash(""), extension=".caption")
    assert image.with_suffix(".caption").read_bytes() == b"kafka"
    assert not image.with_suffix(".txt").exists()
    assert undo_picture(tmp_path, image) is None
    undone = undo_picture(tmp_path, image, extension=".caption")
    assert undone is not None
    assert (undone.text, undone.hash) == ("", text_hash(""))
    assert not image.with_suffix(".caption").exists()
    assert redo_picture(tmp_path, image, extension=".caption") == saved


def test_a_stale_caption_is_answered_with_both_texts(tmp_path: Path, image: Path) -> None:
    path = caption_path(image)
    path.write_text("kafka", encoding="utf-8")
    opened = read_caption(path).hash
    save_text(tmp_path, image, "kafka, smile", opened)
    with pytest.raises(StaleCaption, match="changed elsewhere") as caught:
        save_text(tmp_path, image, "kafka, hat", opened)
    stale = caught.value
    assert (stale.disk_text, stale.my_text) == ("kafka, smile", "kafka, hat")
    assert path.read_text(encoding="utf-8") == "kafka, smile"
    save_text(tmp_path, image, "kafka, smile, hat", stale.disk_hash)
    same = save_text(tmp_path, image, "kafka, smile, hat", opened)
    assert same.text == "kafka, smile, hat", "both wrote the same: no conflict"


def test_saving_nothing_new_is_no_step(tmp_path: Path, image: Path) -> None:
    save_text(tmp_path, image, "", text_hash(""))
    assert not caption_path(image).exists()
    assert not (tmp_path / ".lorabake").exists()
    caption_path(image).write_bytes("カフカ".encode("cp932"))
    save_text(tmp_path, image, "カフカ", text_hash("カフカ"))
    assert caption_path(image).read_bytes() == "カフカ".encode("cp932")


def test_typing_is_undone_as_one(tmp_path: Path, image: Path) -> None:
    base = text_hash("")
    for text in ("k", "ka", "kaf"):
        base = save_text(tmp_path, image, text, base, typing=True).hash
    base = save_text(tmp_path, image, "kaf, smile", base).hash
    back = undo_picture(tmp_path, image)
    assert back is not None
    assert back.text == "kaf"
    back = undo_picture(tmp_path, image)
    assert back is not None
    assert back.text == ""


def test_undo_of_a_caption_that_others_changed_is_a_sentence(tmp_path: Path, image: Path) -> None:
    save_text(tmp_path, image, "kafka", text_hash(""))
    caption_path(image).write_bytes(b"theirs")
    with pytest.raises(DatasetError, match="was changed by another window or program"):
        undo_picture(tmp_path, image)
    assert caption_path(image).read_bytes() == b"theirs"


def test_many_are_saved_as_one_step(tmp_path: Path, image: Path) -> None:
    images = [image.with_name(f"{number}.png") for number in range(4)]
    for each in images:
        caption_path(each).write_bytes(b"kafka\n")
    base = text_hash("kafka")
    caption_path(images[2]).write_bytes(b"theirs")
    caption_path(images[3]).write_bytes(b"a\0b")
    outcome = save_many(tmp_path, [Edit(each, "smile", base) for each in images], "Add smile")
    assert outcome.changed == ("5_kafka/0.txt", "5_kafka/1.txt")
    assert [path for path, _ in outcome.skipped] == ["5_kafka/2.txt", "5_kafka/3.txt"]
    assert "changed elsewhere" in outcome.skipped[0][1]
    assert "not a text file" in outcome.skipped[1][1]
    assert caption_path(images[1]).read_bytes() == b"smile\n"
    history_of(tmp_path).undo()
    assert caption_path(images[0]).read_bytes() == b"kafka\n"
    assert caption_path(images[2]).read_bytes() == b"theirs"


def test_a_caption_of_elsewhere_is_refused(tmp_path: Path, image: Path) -> None:
    with pytest.raises(DatasetError, match="is no file of this data set"):
        save_text(tmp_path / "5_kafka", tmp_path / "2.png", "x", text_hash(""))
    with pytest.raises(DatasetError, match="could not be written"):
        save_text(tmp_path, tmp_path / "5_gone" / "2.png", "x", text_hash(""))
    with pytest.raises(DatasetError, match="NUL"):
        save_text(tmp_path, image, "a\0", text_hash(""))


EDIT = """
import sys; from pathlib import Path
from lorabake.captions.editing import save_text
from lorabake.core.caption import StaleCaption, read_caption
root, image, who, done = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], 0
while done < 20:
    found = read_caption(image.with_suffix(".txt"))
    try:
        save_text(root, image, f"{found.text}, {who}{done}", found.hash)
        done += 1
    except StaleCaption:
        pass
"""


def test_no_edit_is_lost_between_processes_and_threads(tmp_path: Path, image: Path) -> None:
    """Each adds its tags, and begins again when somebody else was faster."""
    others = [
        subprocess.Popen([sys.executable, "-c", EDIT, tmp_path, image, who], cwd=REPOSITORY)
        for who in "ab"
    ]

    def edit(who: str) -> None:
        done = 0
        while done < 20:
            found = read_caption(caption_path(image))
            try:
                save_text(tmp_path, image, f"{found.text}, {who}{done}", found.hash)
                done += 1
            except StaleCaption:
                continue

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(edit, "cd"))
    assert [other.wait(60) for other in others] == [0, 0]
    tags = read_caption(caption_path(image)).caption.tags
    assert sorted(tags) == sorted(f"{who}{number}" for who in "abcd" for number in range(20))


def test_any_edits_undone_restore_every_byte(tmp_path: Path, image: Path) -> None:
    """Whatever the encoding and the line ends the files began with."""
    raws = [
        b"\xef\xbb\xbfa, b\r\n",
        "カフカ, 笑顔\r\n".encode("cp932"),
        "café".encode("latin-1"),
        "ü, ö\n".encode("utf-16"),
        b"a\n\n\nb\r",
        None,
    ]
    images = [image.with_name(f"{number}.png") for number in range(len(raws))]
    for each, raw in zip(images, raws, strict=True):
        if raw is not None:
            caption_path(each).write_bytes(raw)
    dice = random.Random(7)
    words = ["kafka", "smile", "カ", "é", "\n", " , ", "ß", "😀", "\r\n", "a_(b)"]
    for _ in range(60):
        each = dice.choice(images)
        now = read_caption(caption_path(each))
        saved = save_text(tmp_path, each, "".join(dice.choices(words, k=5)), now.hash)
        assert read_caption(caption_path(each)).hash == saved.hash
    while history_of(tmp_path).can_undo:
        assert history_of(tmp_path).undo().skipped == ()
    for each, raw in zip(images, raws, strict=True):
        path = caption_path(each)
        assert (path.read_bytes() if path.exists() else None) == raw
