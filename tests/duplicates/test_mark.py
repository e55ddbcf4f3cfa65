"""Duplicates go to the bin with their captions, tags travel, and undo brings both back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.core.errors import DatasetError
from lorabake.core.history import open_history
from lorabake.core.marks import read_marks
from lorabake.core.pictures import binned
from lorabake.duplicates.groups import pair_key
from lorabake.duplicates.mark import PAIRS, delete_marked, never_show
from tests.duplicates.drawings import scene

CAPTIONS = {
    "1_kafka/a": b"\xef\xbb\xbfkafka, smile\r\n",
    "1_kafka/b": b"kafka, Smile, hat, lowres, watermark",
    "2_other/c": b"other, hat, long hair",
    "2_other/d": b"other",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, (name, caption) in enumerate(CAPTIONS.items()):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        scene(number, (60, 40)).save(path)
        path.with_suffix(".txt").write_bytes(caption)
    return tmp_path


def picture(root: Path, name: str) -> Path:
    return next(root.rglob(f"{name}.png"))


def test_tags_travel_and_undo_brings_all_back(root: Path) -> None:
    a, b, c = (picture(root, name) for name in "abc")
    outcomes = delete_marked(root, {b: a, c: b}, merge_tags=True)
    assert [one.skipped for one in outcomes] == [(), ()]
    # Neither what is about the file, nor the other folder's trigger, nor what is there already.
    assert a.with_suffix(".txt").read_bytes() == (b"\xef\xbb\xbfkafka, smile, hat, long hair\r\n")
    assert not b.exists()
    assert not c.with_suffix(".txt").exists()
    assert sorted(one.name for one in binned(root)) == ["b.png", "c.png"]
    history = open_history(root)
    history.undo()
    history.undo()
    for name, caption in CAPTIONS.items():
        assert (root / f"{name}.txt").read_bytes() == caption
        assert (root / f"{name}.png").exists()
    assert history.can_undo is None


def test_without_merging_captions_stay(root: Path) -> None:
    a, b = picture(root, "a"), picture(root, "b")
    (outcome,) = delete_marked(root, {b: a})
    assert outcome.operation is not None
    assert a.with_suffix(".txt").read_bytes() == CAPTIONS["1_kafka/a"]


def test_one_of_them_is_always_kept(root: Path) -> None:
    a, b, c = (picture(root, name) for name in "abc")
    with pytest.raises(DatasetError, match="Leave one of them"):
        delete_marked(root, {a: b, b: c, c: a}, merge_tags=True)
    b.unlink()
    with pytest.raises(DatasetError, match="no longer there"):
        delete_marked(root, {a: b})
    assert a.exists()
    assert delete_marked(root, {}) == []


def test_a_caption_that_is_no_text_costs_its_tags_only(root: Path) -> None:
    a, b = picture(root, "a"), picture(root, "b")
    a.with_suffix(".txt").write_bytes(b"\0\1\2")
    outcomes = delete_marked(root, {b: a}, merge_tags=True)
    assert [name for one in outcomes for name, _ in one.skipped] == ["a.txt"]
    assert a.with_suffix(".txt").read_bytes() == b"\0\1\2"
    assert not b.exists()


def test_a_pair_that_is_never_shown_is_a_step_too(root: Path) -> None:
    never_show(root, "b" * 64, "a" * 64)
    assert list(read_marks(root, PAIRS)) == [pair_key("a" * 64, "b" * 64)]
    assert never_show(root, "a" * 64, "b" * 64).operation is None
    open_history(root).undo()
    assert read_marks(root, PAIRS) == {}
