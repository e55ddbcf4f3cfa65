"""Which pictures need it: only those that are too small for their bucket, or blurred."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lorabake.core.index import Index
from lorabake.enhance.look import KIND, Look, kept_looks, look_at, look_many
from lorabake.enhance.needs import enlarged, needs, soft_from, standard_buckets, usual_blur
from tests.enhance.models import drawing

BUCKETS = standard_buckets(1024)
LARGE = (1024, 1024)


def soft(rgb: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def test_blurred_pictures_are_told_from_sharp_ones() -> None:
    """A set of 30 drawings, of which 10 are blurred: those are chosen, and no other one."""
    looks, blurred = {}, set()
    for number in range(30):
        rgb = drawing(480, 400, seed=number)
        if number % 3 == 2:
            rgb = soft(rgb, (1.6, 2.0, 2.5, 4.0)[number % 4])
            blurred.add(number)
        if number % 2:
            rgb = jpeg(rgb, 75)
        if number % 5 == 4:  # pale, as an old screencap
            rgb = (rgb * 0.4 + 100).astype(np.uint8)
        looks[number] = look_at(rgb)
    usual = usual_blur(looks.values())
    chosen = {number for number, look in looks.items() if needs(LARGE, look, BUCKETS, usual)}
    assert chosen == blurred
    (need,) = needs(LARGE, looks[2], BUCKETS, usual)
    assert need.kind == "blurred"
    assert f"{looks[2].blur:.1f} px wide, those of the middle picture {usual:.1f} px" in need.why


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_blur_is_the_sigma_of_the_edges(sigma: float) -> None:
    assert look_at(soft(drawing(700, 700, seed=5), sigma)).blur == pytest.approx(sigma, rel=0.3)


def test_a_figure_before_a_soft_background_is_sharp() -> None:
    rgb = soft(drawing(600, 600, seed=3), 5).copy()
    rgb[200:500, 150:400] = drawing(250, 300, seed=4)
    assert look_at(rgb).blur < soft_from(0.5)


def test_nothing_to_see_needs_nothing() -> None:
    for size in ((500, 500), (1, 1), (4, 900)):
        look = look_at(np.full((size[1], size[0], 3), 77, dtype=np.uint8))
        assert look.blur == 0
        assert needs(LARGE, look, BUCKETS) == ()
    assert usual_blur([]) == 0


def test_too_small_is_what_a_bake_would_enlarge() -> None:
    (need,) = needs((500, 700), None, BUCKETS)
    assert need.kind == "small"
    assert need.why.startswith("500 × 700 px do not fill its bucket 832 × 1216")
    assert "1.74 times" in need.why
    assert needs((832, 1216), None, BUCKETS) == ()
    assert needs((4000, 6000), None, BUCKETS) == ()
    assert enlarged((512, 512), BUCKETS) == 2
    assert enlarged((512, 512), ()) == 1


def test_both_reasons_are_given() -> None:
    look = look_at(soft(drawing(500, 500), 3))
    assert [need.kind for need in needs((500, 500), look, BUCKETS, 0.5)] == ["small", "blurred"]


def test_bars_are_left_out_of_the_tones() -> None:
    inside = drawing(640, 360, seed=6)
    barred = np.zeros((480, 640, 3), dtype=np.uint8)
    barred[60:420] = inside
    found, alone = look_at(barred), look_at(inside)
    assert found.bars == pytest.approx((0, 0.125, 0, 0.125), abs=0.003)
    assert np.abs(found.tones - alone.tones).max() < 0.01
    assert alone.bars == (0, 0, 0, 0)
    assert found.tones.sum() == pytest.approx(1)
    assert found.colours.sum() == pytest.approx(1)
    assert look_at(np.zeros((300, 300, 3), dtype=np.uint8)).bars == (0, 0, 0, 0), "a black picture"


def test_looked_at_once_and_kept_by_content(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(drawing(200, 150, seed=number)).save(path)
        paths.append((f"{number}" * 64, path))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<html>")
    told: list[tuple[int, int]] = []
    first = look_many(
        index, [*paths, ("f" * 64, bad)], on_progress=lambda done, of: told.append((done, of))
    )
    assert set(first.found) == {sha for sha, _ in paths}
    assert "bad.png is a web page" in first.unreadable["f" * 64]
    assert told[-1] == (4, 4)
    for _, path in paths:
        path.unlink()
    again = look_many(index, paths)
    assert same(again.found, first.found)
    assert again.unreadable == {}
    index.keep_facts(KIND, {paths[0][0]: b"short"})
    assert paths[0][0] not in kept_looks(index, [sha for sha, _ in paths])
    assert look_many(index, paths[:1], should_stop=lambda: True).found == {}
    index.close()


def same(one: dict[str, Look], other: dict[str, Look]) -> bool:
    return one.keys() == other.keys() and all(
        one[sha].blur == pytest.approx(other[sha].blur)
        and np.allclose(one[sha].tones, other[sha].tones, atol=1e-6)
        and np.allclose(one[sha].colours, other[sha].colours, atol=1e-6)
        for sha in one
    )
