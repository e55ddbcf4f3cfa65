"""Pictures that go, come and are replaced: one step each, whole again after undo, also elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError
from lorabake.core.history import close_history, open_history
from lorabake.core.marks import change_marks, read_marks
from lorabake.core.pictures import (
    Made,
    add_pictures,
    bin_pictures,
    binned,
    empty_bin,
    made_folder,
    move_pictures,
    replace_pictures,
    restore,
)

SIDE_FILES = (".txt", ".caption", ".json")


def picture(path: Path, colour: int = 0, caption: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def everything(root: Path) -> dict[str, bytes]:
    """All that a trainer sees: every file outside of hidden folders."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
    }


def small(root: Path) -> list[Path]:
    folder = root / "5_kafka"
    images = [picture(folder / f"{n}.png", n, f"kafka, {n}") for n in range(4)]
    picture(folder / "masks" / "2.png", 255)
    return images


def test_the_bin_takes_caption_and_mask_along_and_undo_brings_all_back(tmp_path: Path) -> None:
    images = small(tmp_path)
    before = everything(tmp_path)
    outcome = bin_pictures(tmp_path, [images[1], images[2]], "Bin 2 pictures", origin="curate")
    assert outcome.operation
    assert outcome.operation.title == "Bin 2 pictures"
    assert not outcome.skipped
    gone = set(before) - set(everything(tmp_path))
    assert gone == {
        f"5_kafka/{name}" for name in ("1.png", "1.txt", "2.png", "2.txt", "masks/2.png")
    }
    assert sorted(one.name for one in binned(tmp_path)) == ["1.png", "2.png"], (
        "masks are no pictures"
    )
    assert {one.folder for one in binned(tmp_path)} == {"5_kafka"}
    assert len(scan_dataset(tmp_path).images) == 2

    close_history(tmp_path)  # as after a restart
    open_history(tmp_path).undo()
    assert everything(tmp_path) == before
    assert not binned(tmp_path)
    open_history(tmp_path).redo()
    assert len(binned(tmp_path)) == 2
    restore(tmp_path, [one.path for one in binned(tmp_path)])
    assert everything(tmp_path) == before


def test_the_bin_knows_a_folder_whose_repeats_changed_and_names_that_were_taken(
    tmp_path: Path,
) -> None:
    images = small(tmp_path)
    bin_pictures(tmp_path, images[:1], "Bin", origin="curate")
    other = picture(images[0], 99, "another")
    bin_pictures(tmp_path, [other], "Bin", origin="curate")
    assert sorted(one.name for one in binned(tmp_path)) == ["0-2.png", "0.png"]
    (tmp_path / "5_kafka").rename(tmp_path / "7_kafka")
    outcome = restore(tmp_path, [one.path for one in binned(tmp_path)])
    assert {path for path in outcome.changed if path.endswith("png")} == {
        "7_kafka/0.png",
        "7_kafka/0-2.png",
    }
    assert (tmp_path / "7_kafka" / "0-2.txt").read_text() == "another"


def test_a_caption_that_two_pictures_share_stays(tmp_path: Path) -> None:
    one = picture(tmp_path / "1_a" / "x.png", 1, "shared")
    picture(tmp_path / "1_a" / "x.jpg", 2)
    bin_pictures(tmp_path, [one], "Bin", origin="curate")
    assert sorted(everything(tmp_path)) == ["1_a/x.jpg", "1_a/x.txt"]


def test_emptying_the_bin_is_for_good_and_said_when_undone(tmp_path: Path) -> None:
    images = small(tmp_path)
    bin_pictures(tmp_path, images[:2], "Bin", origin="curate")
    assert empty_bin(tmp_path) == 2
    assert not binned(tmp_path)
    outcome = open_history(tmp_path).undo()
    assert not outcome.changed
    assert all("not there any more" in why for _, why in outcome.skipped)
    assert empty_bin(tmp_path) == 0


def test_a_result_takes_the_place_and_the_original_comes_back(tmp_path: Path) -> None:
    images = small(tmp_path)
    before = everything(tmp_path)
    made = made_folder(tmp_path)
    Image.new("RGB", (16, 16)).save(made / "0.webp")
    for _ in range(2):
        replace_pictures(tmp_path, [(images[0], made / "0.webp")], "Upscale", origin="enhance")
        now = everything(tmp_path)
        assert "5_kafka/0.webp" in now
        assert "5_kafka/0.png" not in now
        assert now["5_kafka/0.txt"] == b"kafka, 0"
        open_history(tmp_path).undo()
        assert everything(tmp_path) == before


def test_results_come_in_under_free_names_with_captions(tmp_path: Path) -> None:
    small(tmp_path)
    before = everything(tmp_path)
    made = made_folder(tmp_path)
    new = [picture(made / f"{n}.PNG", n + 50, f"new {n}") for n in range(2)]
    wanted = [Made(path, "5_kafka", "0", [path.with_suffix(".txt")]) for path in new]
    outcome = add_pictures(tmp_path, wanted, "Crop", origin="curate")
    assert "5_kafka/0-2.png" in outcome.changed
    assert (tmp_path / "5_kafka" / "0-3.txt").read_text() == "new 1"
    open_history(tmp_path).undo()
    assert everything(tmp_path) == before
    open_history(tmp_path).redo()
    fresh = made_folder(tmp_path)
    picture(fresh / "a.png")
    add_pictures(tmp_path, [Made(fresh / "a.png", "3_new")], "Grab", origin="collect")
    assert (tmp_path / "3_new" / "a.png").exists()


@pytest.mark.parametrize("folder", ["../out", "a/b", ".bin", ".lorabake"])
def test_results_go_into_concepts_only(tmp_path: Path, folder: str) -> None:
    made = picture(made_folder(tmp_path) / "a.png")
    with pytest.raises(DatasetError, match="no folder of this data set"):
        add_pictures(tmp_path, [Made(made, folder)], "Grab", origin="collect")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_nothing_is_moved_through_links_or_from_outside(tmp_path: Path) -> None:
    root, outside = tmp_path / "set", tmp_path / "outside"
    images = small(root)
    outside.mkdir()
    (root / ".bin").symlink_to(outside)
    with pytest.raises(DatasetError, match="link"):
        bin_pictures(root, images, "Bin", origin="curate")
    assert not list(outside.iterdir())
    stranger = picture(outside / "x.png")
    with pytest.raises(DatasetError, match="does not lie in this data set"):
        bin_pictures(root, [stranger], "Bin", origin="curate")
    with pytest.raises(DatasetError, match="does not lie"):
        bin_pictures(root, [root / "5_kafka" / ".." / ".." / "outside" / "x.png"], "", origin="x")
    assert stranger.exists()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.sampled_from("bra"), st.integers(0, 5)), max_size=6))
def test_any_steps_undone_leave_the_folder_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("set")
    small(root)
    before = everything(root)
    done = 0
    for what, number in steps:
        images = [image.path for image in scan_dataset(root).images]
        thrown = binned(root)
        if what == "b" and images:
            outcome = bin_pictures(root, [images[number % len(images)]], "Bin", origin="t")
        elif what == "r" and thrown:
            outcome = restore(root, [thrown[number % len(thrown)].path])
        else:
            path = picture(made_folder(root) / "n.png", number + 100, "n")
            made = [Made(path, "5_kafka", str(number), [path.with_suffix(".txt")])]
            outcome = add_pictures(root, made, "Add", origin="t")
        assert not outcome.skipped
        done += 1
    for _ in range(done):
        assert not open_history(root).undo().skipped
    assert everything(root) == before


def test_pictures_are_sorted_into_folders_with_all_that_is_theirs(tmp_path: Path) -> None:
    images = small(tmp_path)
    loose = picture(tmp_path / "1.png", 77, "loose")
    before = everything(tmp_path)
    wanted = {"3_zeta": [images[1], images[2], loose], "": [images[0]]}
    outcome = move_pictures(tmp_path, wanted, "Sort 4 pictures", origin="concepts")
    assert not outcome.skipped
    found = everything(tmp_path)
    assert found["3_zeta/1.txt"] == b"kafka, 1"
    assert found["3_zeta/1-2.txt"] == b"loose", "a name that is taken gets a number"
    assert found["3_zeta/masks/2.png"] == before["5_kafka/masks/2.png"]
    assert found["0.txt"] == b"kafka, 0"
    masked = tmp_path / "3_zeta" / "2.png"
    move_pictures(tmp_path, {"": [masked]}, "Put back", origin="concepts")
    move_pictures(tmp_path, {"5_kafka": [tmp_path / "2.png"]}, "Sort", origin="concepts")
    assert everything(tmp_path)["5_kafka/masks/2.png"] == before["5_kafka/masks/2.png"]
    same = move_pictures(tmp_path, {"5_kafka": [images[3]]}, "Sort", origin="concepts")
    assert same.operation is None, "it is there already"
    for _ in range(3):
        assert not open_history(tmp_path).undo().skipped
    assert everything(tmp_path) == before
    for folder in ("..", "a/b", ".bin", "/tmp"):
        with pytest.raises(DatasetError, match="no folder of this data set"):
            move_pictures(tmp_path, {folder: [loose]}, "Sort", origin="concepts")


def test_marks_are_undone_and_damage_is_no_error(tmp_path: Path) -> None:
    assert read_marks(tmp_path, "stars") == {}
    change_marks(tmp_path, "stars", lambda stars: stars | {"a": 1}, "Star", origin="curate")
    change_marks(tmp_path, "stars", lambda stars: stars | {"b": 1}, "Star", origin="curate")
    assert read_marks(tmp_path, "stars") == {"a": 1, "b": 1}
    same = change_marks(tmp_path, "stars", lambda stars: stars, "Nothing", origin="curate")
    assert same.operation is None
    open_history(tmp_path).undo()
    assert read_marks(tmp_path, "stars") == {"a": 1}
    for junk in (b"[1]", b"\xff{", b"[" * 100_000):
        (tmp_path / ".marks" / "stars.json").write_bytes(junk)
        assert read_marks(tmp_path, "stars") == {}
    change_marks(tmp_path, "stars", lambda stars: stars | {"c": 1}, "Star", origin="curate")
    assert read_marks(tmp_path, "stars") == {"c": 1}
    with pytest.raises(DatasetError, match="more stars"):
        change_marks(tmp_path, "stars", lambda _: {"x" * 2_000_000: 1}, "Star", origin="curate")
