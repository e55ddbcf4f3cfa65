"""What a scan finds in drawings with known copies, and what it must not take for copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageOps

from lorabake.core.dataset import DatasetImage, scan_dataset
from lorabake.core.errors import Stopped
from lorabake.core.index import Index
from lorabake.duplicates import prints
from lorabake.duplicates.groups import Group, Member, group, pair_key
from lorabake.duplicates.scan import Scan, scan_duplicates
from lorabake.practice.sample_project import write_sample
from tests.bench.duplicates import quality
from tests.duplicates.drawings import Drawn, another_face, chibi, jpeg, look_alike, scene, write_set

Pictures = Mapping[str, Image.Image]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Drawn], Scan]:
    folder = tmp_path_factory.mktemp("set")
    written = write_set(folder / "1_x", 4, seed=900)
    index = Index(folder / "index.sqlite")
    scan = scan_duplicates(index, scan_dataset(folder, index=index).images)
    index.close()
    return written, scan


def test_copies_are_found_and_nothing_else(written: tuple[list[Drawn], Scan]) -> None:
    """As `tests/bench/duplicates.py` measures it with thousands."""
    found = quality(written[0], group(written[1]).groups)
    assert found.precision >= 0.99
    assert found.of(("resized", "recompressed", "mirrored", "rotated", "greyed")) >= 0.98
    assert found.of(("cropped", "recoloured", "watermarked")) >= 0.87  # one of eight may be missed
    assert found.variants >= 0.8
    assert found.marked_variants == 0


def test_the_hardness_moves_without_another_scan(written: tuple[list[Drawn], Scan]) -> None:
    def marked(hardness: int) -> int:
        groups = group(written[1], hardness=hardness).groups
        return sum(member.marked for one in groups for member in one.members)

    counts = [marked(hardness) for hardness in (100, 98, 95, 80)]
    assert counts == sorted(counts)
    assert counts[0] == 0  # nothing here has the same pixels
    assert counts[1] < counts[2]


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[Pictures], Scan]:
    def scan(pictures: Pictures) -> Scan:
        for name, picture in pictures.items():
            path = tmp_path / "1_x" / name
            path.parent.mkdir(exist_ok=True)
            picture.save(path)
        index = Index(tmp_path / "index.sqlite")
        found = scan_duplicates(index, scan_dataset(tmp_path, index=index).images)
        index.close()
        return found

    return scan


def names(one: Group) -> list[str]:
    """The one to keep first."""
    return [Path(member.id).name for member in one.members]


def member(found: Scan, name: str, **options: object) -> Member:
    groups = group(found, **options).groups  # type: ignore[arg-type]
    return next(m for one in groups for m in one.members if Path(m.id).name == name)


def test_the_same_bytes_and_the_same_pixels(scan: Callable[[Pictures], Scan]) -> None:
    picture = scene(1)
    found = scan({"a.png": picture, "b.png": picture, "c.bmp": picture, "d.png": scene(2)})
    (one,) = group(found, hardness=100).groups
    assert sorted(names(one)) == ["a.png", "b.png", "c.bmp"]
    kinds = {Path(m.id).name: (m.match, m.kind) for m in one.members if m.match is not None}
    assert set(kinds.values()) == {(100, "identical file"), (100, "identical pixels")}


def test_real_detail_is_kept_and_not_an_enlargement(scan: Callable[[Pictures], Scan]) -> None:
    picture = chibi(5, 400)
    found = scan(
        {
            "twice.png": picture.resize((800, 800), Image.Resampling.LANCZOS),
            "it.png": picture,
            "soft.png": picture.resize((150, 150)).resize((400, 400)),
            "half.png": picture.resize((200, 200)),
        }
    )
    (one,) = group(found).groups
    assert names(one)[0] == "it.png"
    assert "only enlarged" in member(found, "twice.png").reason
    assert "less real detail" in member(found, "soft.png").reason
    assert "less real detail" in member(found, "half.png").reason


def test_colour_the_whole_and_the_clean_one_are_kept(scan: Callable[[Pictures], Scan]) -> None:
    from tests.duplicates.drawings import COPIES

    picture = scene(4, (640, 448))
    made = {kind: COPIES[kind](picture, Random(3)) for kind in ("greyed", "cropped", "watermarked")}
    found = scan({"z.png": picture, **{f"a {kind}.png": copy for kind, copy in made.items()}})
    (one,) = group(found).groups
    assert names(one)[0] == "z.png"
    for kind, why in (
        ("greyed", "without its colours"),
        ("cropped", "only a part"),
        ("watermarked", "watermark"),
    ):
        row = member(found, f"a {kind}.png")
        assert (row.kind, row.marked) == (kind, True)
        assert why in row.reason


def test_flat_figures_are_no_copies_and_faces_are_variants(
    scan: Callable[[Pictures], Scan],
) -> None:
    found = scan({"a.png": chibi(7), "b.png": another_face(7), "c.png": look_alike(7)})
    (one,) = group(found, hardness=80).groups
    assert one.variant
    assert sorted(names(one)) == ["a.png", "b.png"]
    assert not any(row.marked for row in one.members)


def test_the_sample_project_has_no_duplicates(tmp_path: Path) -> None:
    write_sample(tmp_path)
    index = Index(tmp_path / "index.sqlite")
    found = scan_duplicates(index, scan_dataset(tmp_path, index=index).images)
    assert [one for one in group(found).groups if not one.variant] == []
    index.close()


def test_what_is_drawn_on_glass(scan: Callable[[Pictures], Scan]) -> None:
    """Hidden colours never matter; white lines on glass are not all the same picture."""

    def lines(seed: int, colour: int, hidden: int) -> Image.Image:
        solid = ImageOps.invert(scene(seed).convert("L").point(lambda v: 255 * (v > 120)))
        pixels = np.full((*solid.size[::-1], 4), hidden, np.uint8)
        pixels[..., 3] = np.asarray(solid)
        pixels[pixels[..., 3] > 0, :3] = colour
        return Image.fromarray(pixels)

    found = scan(
        {
            "black.png": lines(1, 0, 0),
            "other hidden.png": lines(1, 0, 200),
            "white.png": lines(3, 255, 0),
            "white too.png": lines(5, 255, 0),
        }
    )
    (one,) = group(found).groups
    assert sorted(names(one)) == ["black.png", "other hidden.png"]


def test_a_pair_that_is_never_shown_and_a_folder_that_comes_first(
    scan: Callable[[Pictures], Scan], tmp_path: Path
) -> None:
    picture = scene(8)
    (tmp_path / "2_mine").mkdir()
    picture.resize((300, 214)).save(tmp_path / "2_mine" / "small.png")
    found = scan({"a.png": picture, "b.jpg": jpeg(picture, 70)})
    (one,) = group(found, prefer_folder="2_mine").groups
    assert names(one)[0] == "small.png"
    assert "folder" in one.members[0].reason
    shas = {Path(same[0].id).name: sha for sha, same in found.pictures.items()}
    ignored = [pair_key(shas["a.png"], shas["b.jpg"])]
    (one,) = group(found, ignored_pairs=ignored).groups
    assert not {"a.png", "b.jpg"} <= set(names(one))


def test_a_second_scan_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path / "1_x", 1)
    index = Index(tmp_path / "index.sqlite")
    images = scan_dataset(tmp_path, index=index).images
    first = scan_duplicates(index, images)

    def opened(path: Path) -> None:
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr(prints, "look_at", opened)
    assert scan_duplicates(index, images[::-1]).pairs == first.pairs
    index.close()


def test_stopping_keeps_what_was_looked_at(tmp_path: Path) -> None:
    write_set(tmp_path / "1_x", 1)
    index = Index(tmp_path / "index.sqlite")
    images: tuple[DatasetImage, ...] = scan_dataset(tmp_path, index=index).images
    looked: list[int] = []

    with pytest.raises(Stopped):
        scan_duplicates(
            index,
            images,
            lambda done, total: looked.append(done),
            should_stop=lambda: bool(looked) and looked[-1] >= 5,
        )
    assert 5 <= len(index.facts(prints.PRINTS, [one.sha256 for one in images])) < len(images)
    index.close()


def test_groups_of_two_thousand_while_the_slider_moves(written: tuple[list[Drawn], Scan]) -> None:
    """Reckoned from the set here; processor time, as other work must not fail a test."""
    started = time.process_time()
    for hardness in (95, 90, 85, 80):
        group(written[1], hardness=hardness)
    assert (time.process_time() - started) / 4 / len(written[0]) * 2000 < 1.0
