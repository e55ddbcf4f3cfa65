"""Scanning a dataset: nothing is silently dropped, and every sentence says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.dataset import (
    Dataset,
    scan_dataset,
    set_repeats,
    set_trigger,
    split_concept_name,
)
from lorabake.core.errors import BadName, DatasetError
from lorabake.core.history import Write, open_history
from lorabake.core.index import Index
from lorabake.core.manifest import freeze, thaw

_colors = iter(range(1, 1_000_000))


def picture(path: Path, caption: str | None = "kafka, smile", *, color: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = next(_colors) if color is None else color
    Image.new("RGB", (8, 6), (value % 256, value // 256 % 256, 0)).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def sentences(dataset: Dataset, level: str) -> list[str]:
    return [problem.sentence for problem in dataset.problems if problem.level == level]


def test_concepts_repeats_and_the_guides_T(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        picture(tmp_path / "5_kafka" / f"{number}.png")
    picture(tmp_path / "10_silver wolf" / "a.webp")
    dataset = scan_dataset(tmp_path)
    assert [(c.name, c.repeats, c.trigger, len(c.images)) for c in dataset.concepts] == [
        ("5_kafka", 5, "kafka", 3),
        ("10_silver wolf", 10, "silver wolf", 1),
    ]
    assert dataset.seen_per_epoch == 25
    assert [image.path.name for image in dataset.images] == ["1.png", "2.png", "10.png", "a.webp"]
    first = dataset.images[0]
    assert (first.width, first.height, first.caption.text) == (8, 6, "kafka, smile")
    assert first.has_caption
    assert dataset.problems == ()


def test_a_folder_of_pictures_is_a_dataset_too(tmp_path: Path) -> None:
    picture(tmp_path / "3_kafka" / "1.png")
    assert scan_dataset(tmp_path / "3_kafka").seen_per_epoch == 3
    picture(tmp_path / "plain" / "1.png")
    assert scan_dataset(tmp_path / "plain").seen_per_epoch == 1
    dataset = scan_dataset(tmp_path)
    assert dataset.seen_per_epoch == 4
    assert "has no number in front" in sentences(dataset, "warning")[0]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("5_kafka", (5, "kafka")),
        ("05_kafka", (5, "kafka")),
        ("5_ kafka", (5, "kafka")),
        ("kafka", (None, "kafka")),
        ("0_kafka", (None, "0_kafka")),
        ("5kafka", (None, "5kafka")),
        ("5_", (None, "5_")),
        ("99999_kafka", (None, "99999_kafka")),
        ("٥_kafka", (None, "٥_kafka")),
    ],
)
def test_names_of_concept_folders(name: str, split: tuple[int | None, str]) -> None:
    assert split_concept_name(name) == split


def test_everything_that_is_left_out_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "5_kafka"
    picture(folder / "1.png")
    picture(folder / "1.jpg", None)
    picture(folder / "sub" / "2.png")
    picture(tmp_path / "loose.png")
    (folder / "3.png").write_text("<html>", encoding="utf-8")
    (folder / "4.png").touch()
    (folder / "5.tif").touch()
    (folder / "6.txt").write_text("nobody", encoding="utf-8")
    (folder / "7.png.part").touch()
    (folder / "notes.npz").touch()
    (folder / ".hidden.png").touch()
    dataset = scan_dataset(tmp_path)
    assert [image.path.name for image in dataset.images] == ["1.jpg"]
    errors = sentences(dataset, "error")
    assert len(errors) == 6
    for name, word in {
        "loose.png": "move it into one",
        "1.png": "same name and so the same caption: rename",
        "3.png": "web page",
        "4.png": "is empty",
        "5.tif": "save it as PNG",
        "7.png.part": "left out",
    }.items():
        assert [text for text in errors if text.startswith(name) and word in text], name
    warnings = sentences(dataset, "warning")
    assert any("sub lies inside 5_kafka" in text for text in warnings)
    assert any("6.txt belongs to no picture" in text for text in warnings)


def test_captions_that_miss_are_warned_about_and_the_picture_counts(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", None)
    picture(tmp_path / "2.png", " \n")
    picture(tmp_path / "3.png", "a\nb")
    picture(tmp_path / "4.png").with_suffix(".txt").write_bytes(b"\0")
    dataset = scan_dataset(tmp_path)
    assert [image.caption.text for image in dataset.images] == ["", "", "a", ""]
    assert [image.has_caption for image in dataset.images] == [False, False, True, False]
    missing, empty, lines, binary = sentences(dataset, "warning")
    assert missing == "The caption of 1.png is missing: write its tags into 1.txt."
    assert empty == "The caption of 2.png is empty: write its tags into 2.txt."
    assert lines.startswith("3.txt has 2 lines")
    assert binary.startswith("4.txt is not a text file")


def test_what_is_changed_about_a_picture_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "1.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "2.jpg")
    Image.new("RGB", (8, 6)).save(tmp_path / "2.jpg", exif=exif)
    dataset = scan_dataset(tmp_path)
    assert "become white" in sentences(dataset, "warning")[0]
    assert "upright" in sentences(dataset, "note")[0]
    assert (dataset.images[1].width, dataset.images[1].height) == (6, 8)


def test_the_same_picture_twice_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", color=7)
    picture(tmp_path / "2.png", color=7)
    assert sentences(scan_dataset(tmp_path), "warning") == [
        "2.png is the same picture as 1.png: delete one."
    ]


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder"):
        scan_dataset(tmp_path / "nothing")
    for name in ("a", "5_b"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for folder in (tmp_path / "set", tmp_path / "set" / "a"):
        dataset = scan_dataset(folder)
        assert dataset.concepts == ()
        assert "has no pictures to train on" in sentences(dataset, "error")[-1]


def test_other_caption_endings(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", None)
    (tmp_path / "1.caption").write_text("kafka", encoding="utf-8")
    assert scan_dataset(tmp_path, caption_extension=".caption").images[0].caption.text == "kafka"


def test_repeats_are_changed_by_one_rename(tmp_path: Path) -> None:
    folder = picture(tmp_path / "5_kafka" / "1.png").parent
    renamed = set_repeats(folder, 7)
    assert renamed.name == "7_kafka"
    assert set_repeats(renamed, 7) == renamed
    assert scan_dataset(tmp_path).seen_per_epoch == 7
    (tmp_path / "8_Kafka").mkdir()
    with pytest.raises(DatasetError, match="already a folder"):
        set_repeats(renamed, 8)
    for wrong in (0, 1001):
        with pytest.raises(DatasetError, match="from 1 to 1000"):
            set_repeats(renamed, wrong)
    assert set_repeats(picture(tmp_path / "plain" / "1.png").parent, 3).name == "3_plain"


def test_a_trigger_is_renamed_with_its_masks_and_can_still_be_undone(tmp_path: Path) -> None:
    folder = picture(tmp_path / "5_kafka" / "1.png", "kafka").parent
    picture(tmp_path / "5_kafka_mask" / "1.png", None)
    write = Write("5_kafka/1.txt", b"kafka", b"kafka, smile")
    open_history(tmp_path).do("Edit", [write])
    assert set_trigger(folder, " zeta ").name == "5_zeta"
    (concept,) = scan_dataset(tmp_path).concepts
    assert (concept.trigger, concept.repeats) == ("zeta", 5)
    assert concept.masks == tmp_path / "5_zeta_mask"
    assert not open_history(tmp_path).undo().skipped
    assert (tmp_path / "5_zeta" / "1.txt").read_bytes() == b"kafka"
    assert set_trigger(tmp_path / "5_zeta", "Zeta").name == "5_Zeta"
    for wrong in ("", "  ", "a/b", "x" * 101):
        with pytest.raises((DatasetError, BadName)):
            set_trigger(tmp_path / "5_Zeta", wrong)


def test_a_dataset_is_frozen_and_thawed(tmp_path: Path) -> None:
    picture(tmp_path / "5_kafka" / "1.png", "カフカ, (smile), a b")
    picture(tmp_path / "10_hat" / "2.png", None)
    dataset = scan_dataset(tmp_path)
    again = thaw(json.loads(json.dumps(freeze(dataset))))
    assert again.concepts == dataset.concepts
    assert again.root == dataset.root


def test_a_frozen_dataset_in_strange_hands_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "5_kafka" / "1.png")
    text = json.dumps(freeze(scan_dataset(tmp_path)))
    changes = [
        ('"format": 1', '"format": 2'),
        ('"path": "1.png"', '"path": "../../secret.png"'),
        ('"path": "1.png"', '"path": "/etc/passwd"'),
        ('"repeats": 5', '"repeats": 0'),
        ('"repeats": 5', '"repeats": 99999999999'),
        ('"width": 8', '"width": "8"'),
        ('"width": 8', '"width": true'),
        ('"images"', '"pictures"'),
        ('"folder": "5_kafka"', '"folder": ".."'),
    ]
    for old, new in changes:
        assert old in text
        with pytest.raises(DatasetError, match="damaged"):
            thaw(json.loads(text.replace(old, new)))


def test_the_index_makes_the_second_scan_open_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        picture(tmp_path / "set" / f"{number}.png")
    index = Index(tmp_path / "cache" / "index.sqlite")
    first = scan_dataset(tmp_path / "set", index=index)
    asked: list[Path] = []
    real = __import__("lorabake.core.image", fromlist=["probe_many"]).probe_many
    monkeypatch.setattr(
        "lorabake.core.image.probe_many",
        lambda paths, **more: (asked.extend(paths), real(paths, **more))[1],
    )
    assert scan_dataset(tmp_path / "set", index=index) == first
    assert asked == []
    picture(tmp_path / "set" / "3.png")
    again = scan_dataset(tmp_path / "set", index=index)
    assert [path.name for path in asked] == ["3.png"]
    assert again.images[3].sha256 != first.images[3].sha256
    index.close()
