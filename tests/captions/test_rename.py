"""Renaming to ascending numbers: pictures with all that belongs to them, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from lorabake.captions.editing import history_of
from lorabake.captions.rename import Order, plan_rename, rename_ascending
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError
from lorabake.core.history import Move, StaleChange


def picture(path: Path, *, width: int = 32, color: int = 0, tags: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 32), (color, color, 0)).save(path)
    if tags:
        path.with_suffix(".txt").write_text(tags, encoding="utf-8")


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".lorabake" not in path.parts
    }


def names(root: Path, folder: str = "5_kafka") -> list[str]:
    return sorted(path.name for path in (root / folder).iterdir())


def test_pictures_captions_and_masks_go_together(tmp_path: Path) -> None:
    folder = tmp_path / "5_kafka"
    picture(folder / "b.v2.png", color=1, tags="b")
    picture(folder / "IMG 10.jpg", color=2, tags="ten")
    picture(folder / "IMG 9.webp", color=3)
    (folder / "IMG 9.caption").write_text("nine", encoding="utf-8")
    (folder / "IMG 9.json").write_text("{}", encoding="utf-8")
    picture(folder / "masks" / "IMG 9.png", color=255)
    picture(folder / "masks" / "B.V2.png", color=254)
    picture(tmp_path / "3_sam" / "x.png", color=9, tags="sam")
    before = tree(tmp_path)

    outcome = rename_ascending(tmp_path, scan_dataset(tmp_path))
    assert names(tmp_path) == [
        *("1.png", "1.txt", "2.caption", "2.json", "2.webp", "3.jpg", "3.txt", "masks"),
    ]
    assert names(tmp_path, "5_kafka/masks") == ["1.png", "2.png"]
    assert names(tmp_path, "3_sam") == ["1.png", "1.txt"]
    after = tree(tmp_path)
    assert after["5_kafka/3.jpg"] == before["5_kafka/IMG 10.jpg"]
    assert after["5_kafka/3.txt"] == b"ten"
    assert after["5_kafka/masks/2.png"] == before["5_kafka/masks/IMG 9.png"]
    assert outcome.operation is not None
    assert outcome.operation.origin == "rename"
    assert len(outcome.changed) == 11
    assert plan_rename(scan_dataset(tmp_path)) == []
    history_of(tmp_path).undo()
    assert tree(tmp_path) == before


def test_names_that_another_picture_has_now(tmp_path: Path) -> None:
    """2 → 1, 1 → 3, 3 → 2: each name is taken until all have left."""
    for number, (name, day) in enumerate({"1": 3, "2": 1, "3": 2}.items()):
        picture(tmp_path / "5_kafka" / f"{name}.png", color=number, tags=f"was {name}")
        os.utime(tmp_path / "5_kafka" / f"{name}.png", (day * 86_400,) * 2)
    before = tree(tmp_path)
    rename_ascending(tmp_path, scan_dataset(tmp_path), order="date")
    captions = [(tmp_path / "5_kafka" / f"{number}.txt").read_text() for number in (1, 2, 3)]
    assert captions == ["was 2", "was 3", "was 1"]
    history_of(tmp_path).undo()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("order", "first"), [("natural", "a2"), ("date", "a10"), ("size", "b")])
def test_orders(tmp_path: Path, order: Order, first: str) -> None:
    folder = tmp_path / "5_kafka"
    for age, (name, width) in enumerate([("a10", 32), ("a2", 40), ("b", 64)]):
        picture(folder / f"{name}.png", width=width, color=age)
        os.utime(folder / f"{name}.png", (1000 + age,) * 2)
    plan = plan_rename(scan_dataset(tmp_path), order=order)
    assert {move.target: move.source for move in plan}["5_kafka/1.png"] == f"5_kafka/{first}.png"


def test_numbers_begin_and_are_filled_as_wanted(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "5_kafka" / f"{'xyz'[number]}.png", color=number)
    dataset = scan_dataset(tmp_path)

    def targets(**options: int) -> list[str]:
        return [move.target.removeprefix("5_kafka/") for move in plan_rename(dataset, **options)]

    assert targets() == ["1.png", "2.png", "3.png"]
    assert targets(start=8) == ["08.png", "09.png", "10.png"]
    assert targets(digits=4) == ["0001.png", "0002.png", "0003.png"]
    assert targets(start=0, digits=1) == ["0.png", "1.png", "2.png"]
    for options in ({"start": -1}, {"start": 10**9}, {"digits": 0}, {"digits": 40}):
        with pytest.raises(DatasetError, match="can"):
            targets(**options)


def test_a_number_that_stays_taken_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "5_kafka"
    for number in range(3):
        picture(folder / f"{'xyz'[number]}.png", color=number, tags="x")
    (folder / "2.PNG").write_bytes(b"no picture at all")
    (folder / "4.txt").write_bytes(b"of nobody")
    before = tree(tmp_path)
    rename_ascending(tmp_path, scan_dataset(tmp_path))
    assert [name for name in names(tmp_path) if name.endswith("png")] == ["1.png", "3.png", "5.png"]
    assert (folder / "2.PNG").read_bytes() == b"no picture at all"
    assert (folder / "4.txt").read_bytes() == b"of nobody"
    history_of(tmp_path).undo()
    assert tree(tmp_path) == before


def test_a_picture_that_was_left_out_keeps_its_name(tmp_path: Path) -> None:
    """Of two pictures with one name only the first is trained; the other is not lost."""
    folder = tmp_path / "5_kafka"
    picture(folder / "a.jpg", color=1, tags="a")
    picture(folder / "a.png", color=2)
    picture(folder / ".hidden.png", color=3)
    rename_ascending(tmp_path, scan_dataset(tmp_path))
    assert names(tmp_path) == [".hidden.png", "1.jpg", "1.txt", "a.png"]


def test_pictures_without_a_folder_of_their_own(tmp_path: Path) -> None:
    picture(tmp_path / "one.png", tags="x")
    picture(tmp_path / "two.png", color=1)
    plan = plan_rename(scan_dataset(tmp_path))
    assert plan == [Move("one.png", "1.png"), Move("one.txt", "1.txt"), Move("two.png", "2.png")]
    rename_ascending(tmp_path, scan_dataset(tmp_path))
    assert sorted(tree(tmp_path)) == ["1.png", "1.txt", "2.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes as a name")
def test_names_that_are_no_text_become_numbers(tmp_path: Path) -> None:
    picture(tmp_path / "5_kafka" / "good.png", color=1)
    picture(tmp_path / "5_kafka" / "bad.png", color=2, tags="bad")
    for suffix in ("png", "txt"):
        old = tmp_path / "5_kafka" / f"bad.{suffix}"
        old.rename(os.fsdecode(os.fsencode(tmp_path) + b"/5_kafka/\xff." + suffix.encode()))
    before = tree(tmp_path)
    rename_ascending(tmp_path, scan_dataset(tmp_path))
    assert names(tmp_path) == ["1.png", "2.png", "2.txt"]
    history_of(tmp_path).undo()
    assert tree(tmp_path) == before


def test_a_picture_deleted_meanwhile_stops_it(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "5_kafka" / f"{'xyz'[number]}.png", color=number)
    dataset = scan_dataset(tmp_path)
    (tmp_path / "5_kafka" / "y.png").unlink()
    before = tree(tmp_path)
    with pytest.raises(StaleChange, match="not there any more"):
        rename_ascending(tmp_path, dataset)
    assert tree(tmp_path) == before
