"""Cuts: several of a picture, in bucket shapes, turned and padded; tags, masks and the original kept."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.buckets import bucket_resolutions
from lorabake.core.dataset import DatasetImage, scan_dataset
from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.history import close_history, open_history
from lorabake.core.origins import Origins
from lorabake.core.sources import Source, Sources
from lorabake.curate.applying import apply_crops, replace_pixels, tags_of_cut
from lorabake.curate.crop import (
    EDGE,
    MAX_BOXES,
    Box,
    all_crops,
    bars_box,
    box_from,
    bucket_shapes,
    checked,
    crops_of,
    cut,
    set_crops,
    snap,
)
from lorabake.curate.views import suggest, suggest_in
from tests.curate.drawings import drawing, figures, pixels, read, save

BUCKETS = bucket_resolutions(1024, minimum=256, maximum=2048, step=64)
SIZE = (120, 90)


@pytest.fixture
def image(tmp_path: Path) -> DatasetImage:
    save(drawing(SIZE), tmp_path / "set" / "5_kafka" / "a.png", "kafka, multiple views, solo")
    (found,) = scan_dataset(tmp_path / "set").images
    return found


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).parts[0].startswith(".")
    }


@hypothesis.settings(max_examples=50)
@given(
    st.tuples(st.integers(64, 4000), st.integers(64, 4000)),
    st.tuples(st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.1, 1), st.floats(0.1, 1)),
    st.sampled_from((0, 90, 180, 270)),
    st.sampled_from(("", EDGE, "#ff00aa")),
)
def test_a_snapped_box_has_a_shape_of_the_recipe(
    size: tuple[int, int], place: tuple[float, float, float, float], rotate: int, pad: str
) -> None:
    left, top = round(place[0] * size[0]), round(place[1] * size[1])
    wide = max(32, round(place[2] * (size[0] - left)))
    high = max(32, round(place[3] * (size[1] - top)))
    box = snap(Box(left, top, wide, high, rotate, pad), BUCKETS, size)
    assert min(
        max(abs(box.size[0] - box.size[1] * w / h), abs(box.size[1] - box.size[0] * h / w) * w / h)
        for w, h in BUCKETS
    ) <= 1 + max(w / h for w, h in BUCKETS)
    if not pad:
        assert 0 <= box.left <= size[0] - box.width
        assert 0 <= box.top <= size[1] - box.height
    else:
        assert box.width * box.height == pytest.approx(wide * high, rel=0.12)


def test_a_shape_can_be_asked_for() -> None:
    box = snap(Box(10, 10, 400, 400), BUCKETS, (1000, 1000), (832, 1216))
    assert box.width / box.height == pytest.approx(832 / 1216, abs=0.005)
    turned = snap(Box(10, 10, 400, 400, rotate=90), BUCKETS, (1000, 1000), (832, 1216))
    assert turned.size[0] / turned.size[1] == pytest.approx(832 / 1216, abs=0.005)
    shapes = bucket_shapes(BUCKETS)
    assert shapes[0] == (1024, 1024)
    assert set(shapes) == set(BUCKETS)


def test_beyond_the_picture_there_is_a_colour_or_its_edge() -> None:
    whole = pixels(drawing(SIZE))
    made = cut(whole, Box(-10, -5, 60, 40, pad="#ff00aa"))
    assert made.shape == (40, 60, 3)
    assert (made[:5] == (255, 0, 170)).all()
    assert (made[:, :10] == (255, 0, 170)).all()
    assert np.array_equal(made[5:, 10:], whole[:35, :50])
    edge = cut(whole, Box(100, 60, 40, 40, pad=EDGE))
    assert np.array_equal(edge[:30, :20], whole[60:, 100:])
    assert (edge[:, 20:] == edge[:, 19:20]).all()
    assert np.array_equal(cut(whole, Box(100, 60, 40, 40)), whole[50:, 80:]), "moved inside"
    clear = np.dstack((whole, np.zeros(whole.shape[:2], np.uint8)))
    assert (cut(clear, Box(-20, 0, 40, 40, pad="#ffffff"))[:, :20, 3] == 255).all()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_clockwise(turn: int) -> None:
    whole = pixels(drawing(SIZE))
    made = cut(whole, Box(10, 20, 60, 30, rotate=turn))
    plain = Image.fromarray(whole[20:50, 10:70]).rotate(-turn, expand=True)
    assert np.array_equal(made, pixels(plain))
    assert Box(10, 20, 60, 30, rotate=turn).size == plain.size


@pytest.mark.parametrize(
    ("box", "why"),
    [
        (Box(0, 0, 8, 40), "too small"),
        (Box(500, 0, 40, 40, pad=EDGE), "beside the picture"),
        (Box(0, 0, 40, 40, rotate=45), "not by 45"),
        (Box(0, 0, 40, 9000, pad=EDGE), "far larger"),
    ],
)
def test_what_is_no_cut_is_refused(box: Box, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        checked(box, SIZE)
    with pytest.raises(RecipeError, match="not a colour"):
        checked(Box(0, 0, 40, 40, pad="red"), SIZE)
    with pytest.raises(DatasetError, match="far larger"):
        checked(Box(0, 0, 16_000, 16_000, pad=EDGE), (8000, 8000))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"left": "x", "top": 0, "width": 1, "height": 1},
        {"left": float("inf"), "top": 0, "width": 1, "height": 1},
        {"left": float("nan"), "top": 0, "width": 1, "height": 1},
        {"left": 1e9, "top": 0, "width": 1, "height": 1},
        {"left": 0, "top": 0, "width": 1, "height": 1, "rotate": None},
    ],
)
def test_what_a_page_says_is_checked(values: dict[str, object]) -> None:
    with pytest.raises(DatasetError):
        box_from(values)
    assert box_from({"left": 1.4, "top": "2", "width": 30, "height": 40}) == Box(1, 2, 30, 40)


def test_several_cuts_keep_tags_origins_and_masks_and_the_original_comes_back(
    image: DatasetImage, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    mask = np.zeros((90, 120, 3), np.uint8)
    mask[20:60, 10:70] = 255
    save(Image.fromarray(mask), root / "5_kafka" / "masks" / "a.png")
    image.path.with_suffix(".caption").write_text("A girl, smiling", encoding="utf-8")
    Origins.open(root).record(image.sha256, ["solo"], "tagger", "wd")
    Sources.open(root).record(Source(sha256=image.sha256, site="safebooru", id=7))
    before = content(root)
    boxes = [Box(10, 20, 60, 40), Box(0, 0, 64, 64), Box(-8, 0, 40, 40, pad="#ffffff")]
    apply_crops(root, image, boxes, keep_original=False, change_tags=tags_of_cut)
    cuts = scan_dataset(root).images
    assert sorted((one.width, one.height) for one in cuts) == [(40, 40), (60, 40), (64, 64)]
    for one in cuts:
        assert one.caption.tags == ("kafka", "solo")
        assert Origins.open(root).of(one.sha256, ["kafka", "solo"]) == ["you", "tagger"]
        assert Sources.open(root).names()[one.sha256] == "safebooru"
        assert one.path.with_suffix(".caption").read_text(encoding="utf-8") == "A girl, smiling"
        assert (root / "5_kafka" / "masks" / f"{one.path.stem}.png").exists()
    whole = next(one for one in cuts if (one.width, one.height) == (60, 40))
    assert (read(root / "5_kafka" / "masks" / f"{whole.path.stem}.png") == 255).all()
    close_history(root)  # as after a restart
    open_history(root).undo()
    assert content(root) == before


def test_the_original_can_stay_beside_its_cuts(image: DatasetImage, tmp_path: Path) -> None:
    root = tmp_path / "set"
    apply_crops(root, image, [Box(0, 0, 50, 50)], keep_original=True)
    found = {one.path.name: one for one in scan_dataset(root).images}
    assert found["a.png"].sha256 == image.sha256
    assert len(found) == 2
    assert all(one.caption.tags == image.caption.tags for one in found.values())
    with pytest.raises(DatasetError, match="no box"):
        apply_crops(root, image, [], keep_original=True)


def test_boxes_change_nothing_until_they_are_applied(image: DatasetImage, tmp_path: Path) -> None:
    root, before = tmp_path / "set", content(tmp_path / "set")
    boxes = [Box(0, 0, 40, 40), Box(20, 20, 60, 60, 90, EDGE)]
    set_crops(root, image.sha256, SIZE, boxes)
    assert content(root) == before
    assert crops_of(root, image.sha256) == tuple(boxes)
    assert all_crops(root) == {image.sha256: tuple(boxes)}
    set_crops(root, image.sha256, SIZE, [])
    assert all_crops(root) == {}
    open_history(root).undo()
    assert crops_of(root, image.sha256) == tuple(boxes)
    with pytest.raises(DatasetError, match=f"at most {MAX_BOXES}"):
        set_crops(root, image.sha256, SIZE, [Box(0, 0, 40, 40)] * (MAX_BOXES + 1))


def test_a_picture_changed_by_another_program_is_not_cut(
    image: DatasetImage, tmp_path: Path
) -> None:
    save(drawing((60, 60)), image.path)
    with pytest.raises(DatasetError, match="changed by another program"):
        apply_crops(tmp_path / "set", image, [Box(0, 0, 40, 40)], keep_original=True)


def test_nothing_is_replaced_where_another_picture_is_in_the_way(tmp_path: Path) -> None:
    root = tmp_path / "set"
    save(drawing(SIZE), root / "1_a" / "a.jpg")
    other = save(drawing(SIZE, seed=3), root / "1_a" / "a.png")
    kept = other.read_bytes()
    image = next(one for one in scan_dataset(root).images if one.path.name == "a.jpg")
    with pytest.raises(DatasetError, match=r"a\.png has the same name: rename one of the two"):
        replace_pixels(root, image, pixels(drawing(SIZE)), "Paint")
    assert other.read_bytes() == kept


def test_bars_are_cut_off_to_the_last_line() -> None:
    assert bars_box((800, 600), (0, 0, 0, 0)) is None
    assert bars_box((800, 600), (0, 0.1, 0, 0.1)) == Box(0, 61, 800, 478)


def test_views_get_a_box_each_in_reading_order(tmp_path: Path) -> None:
    drawn = [(20, 30, 180, 560), (230, 40, 390, 550), (440, 20, 590, 570)]
    path = save(figures(drawn, (620, 600)), tmp_path / "views.png")
    found = suggest(path, (620, 600))
    assert len(found) == 3
    for box, (left, top, right, bottom) in zip(found, drawn, strict=True):
        assert (box.left, box.top) == pytest.approx((left, top), abs=14)
        assert (box.left + box.width, box.top + box.height) == pytest.approx(
            (right, bottom), abs=14
        )
    grid = [(20, 20, 180, 180), (220, 20, 380, 180), (20, 220, 180, 380), (220, 220, 380, 380)]
    boxes = suggest_in(pixels(figures(grid, (400, 400))))
    assert [(left < 200, top < 200) for left, top, _, _ in boxes] == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]


def test_figures_that_touch_are_parted_and_one_alone_is_not() -> None:
    touching = figures([(20, 20, 202, 380), (198, 20, 380, 380)], (400, 400))
    assert len(suggest_in(pixels(touching))) == 2
    assert suggest_in(pixels(figures([(100, 20, 300, 380)], (400, 400)))) == []
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert suggest_in(noise) == [], "no background that goes through"
    assert suggest_in(np.full((1, 1, 3), 9, np.uint8)) == []
