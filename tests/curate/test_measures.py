"""What pixels say: blur, bars, missing colours; and that it is asked only once."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import ImageError
from lorabake.core.index import Index
from lorabake.curate.measures import (
    KIND,
    Measures,
    kept_measures,
    measure,
    measure_file,
    measure_many,
)
from tests.curate.drawings import blurred, drawing, pixels, save, with_bars


def blur(picture: Image.Image) -> float:
    return measure(pixels(picture)).blur


@pytest.mark.parametrize("seed", range(4))
def test_blur_grows_with_the_blur_and_not_with_the_drawing(seed: int) -> None:
    sharp = drawing(seed=seed)
    widths = [blur(sharp), *(blur(blurred(sharp, sigma)) for sigma in (1.0, 2.0, 4.0))]
    assert widths == sorted(widths)
    assert widths[0] < 0.7
    assert widths[2] == pytest.approx(2.0, rel=0.25), "it is the sigma of the Gaussian, px"
    assert widths[3] > 2.5


def test_few_lines_or_little_contrast_are_not_blur() -> None:
    """Where the variance of the Laplacian would fall a hundredfold."""
    plain = Image.new("RGB", (800, 800), (240, 240, 240))
    plain.paste((60, 60, 60), (380, 380, 420, 420))
    pale = Image.blend(drawing(), Image.new("RGB", (600, 800), (200, 200, 200)), 0.7)
    assert blur(plain) < 0.7
    assert blur(pale) < 0.7


def test_jpeg_of_a_blurred_picture_stays_blurred(tmp_path: Path) -> None:
    path = tmp_path / "soft.jpg"
    blurred(drawing(), 2.5).save(path, quality=70)
    assert measure_file(path).blur > 1.4


def test_a_soft_background_is_no_blurred_picture() -> None:
    picture = blurred(drawing(seed=1), 6)
    picture.paste(drawing((200, 260), seed=2), (200, 300))
    assert blur(picture) < 0.7


def test_nothing_to_see_has_no_blur() -> None:
    assert blur(Image.new("RGB", (300, 300), (9, 99, 200))) == 0
    assert blur(Image.new("RGB", (3, 900), (9, 99, 200))) == 0
    assert blur(Image.new("RGB", (1, 1))) == 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 14, 20)])
def test_bars_are_found_and_left_out_of_the_other_figures(colour: tuple[int, int, int]) -> None:
    inside = drawing((800, 450))
    found = measure(pixels(with_bars(inside, 75, 75, colour)))
    assert found.letterbox == pytest.approx((0, 75 / 600, 0, 75 / 600), abs=0.002)
    alone = measure(pixels(inside))
    assert found.brightness == pytest.approx(alone.brightness, abs=0.01)
    assert found.contrast == pytest.approx(alone.contrast, abs=0.03)
    assert not alone.has_bars


def test_bars_beside_survive_jpeg(tmp_path: Path) -> None:
    picture = with_bars(drawing((450, 800)), 60, 0).transpose(Image.Transpose.ROTATE_90)
    path = tmp_path / "pillar.jpg"
    picture.save(path, quality=60)
    assert measure_file(path).letterbox == pytest.approx((60 / 860, 0, 0, 0), abs=0.006)


def test_a_plain_background_is_no_bar() -> None:
    for back in ((255, 255, 255), (0, 0, 0), (200, 30, 60)):
        assert not measure(pixels(drawing(back=back))).has_bars


def test_missing_colours() -> None:
    coloured = drawing()
    grey = coloured.convert("L")
    assert measure(pixels(coloured)).mono == ""
    assert measure(pixels(grey.convert("RGB"))).mono == "grey"
    sepia = np.stack([pixels(grey) * share for share in (1.0, 0.85, 0.65)], axis=2).astype(np.uint8)
    assert measure(sepia).mono == "tint"
    white = Image.new("RGB", (900, 900), (255, 255, 255))
    white.paste(coloured.resize((225, 300)), (300, 300))
    assert measure(pixels(white)).mono == "", "much white around a figure takes no colours away"


def test_figures_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, index = tmp_path / "set", Index(tmp_path / "index.sqlite")
    for number in range(3):
        save(drawing((90, 120), seed=number), root / "1_a" / f"{number}.png")
    save(drawing((90, 120), seed=0), root / "1_b" / "copy.png")
    images = scan_dataset(root, index=index).images
    steps: list[tuple[int, int]] = []
    first = measure_many(index, images, on_progress=lambda done, of: steps.append((done, of)))
    assert len(first.found) == 3, "the copy is the same picture"
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def forbidden(path: Path, side: int) -> None:
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr("lorabake.core.image.load_small", forbidden)
    (root / "1_a" / "0.png").rename(root / "1_a" / "renamed.png")
    again = measure_many(index, scan_dataset(root, index=index).images)
    assert again.found == first.found == kept_measures(index, list(first.found))


def test_stopping_keeps_what_is_there_and_damage_is_measured_anew(tmp_path: Path) -> None:
    root, index = tmp_path / "set", Index(tmp_path / "index.sqlite")
    for number in range(4):
        save(drawing((60, 60), seed=number), root / "1_a" / f"{number}.png")
    images = scan_dataset(root, index=index).images
    assert measure_many(index, images, should_stop=lambda: True).found == {}
    whole = measure_many(index, images).found
    bad = (b"{}", b"", b"\xff", b'{"letterbox": 3}')
    index.keep_facts(KIND, dict(zip(whole, bad, strict=True)))
    assert kept_measures(index, list(whole)) == {}
    assert measure_many(index, images).found == whole


def test_an_unreadable_picture_is_named_and_the_others_are_measured(tmp_path: Path) -> None:
    root, index = tmp_path / "set", Index(tmp_path / "index.sqlite")
    good = save(drawing((60, 60)), root / "1_a" / "good.png")
    bad = save(drawing((60, 60), seed=1), root / "1_a" / "bad.png")
    images = scan_dataset(root, index=index).images
    bad.write_bytes(b"<html>")
    found = measure_many(index, images)
    assert len(found.found) == 1
    assert "bad.png" in next(iter(found.unreadable.values()))
    assert isinstance(measure_file(good), Measures)
    with pytest.raises(ImageError, match=r"bad\.png"):
        measure_file(bad)


def test_any_size_has_figures() -> None:
    source = random.Random(3)
    for _ in range(40):
        width, height = source.choice((1, 2, 7, 15, 16, 17, 64)), source.choice((1, 8, 16, 33, 250))
        noise = np.frombuffer(source.randbytes(width * height * 3), np.uint8)
        found = measure(noise.reshape(height, width, 3))
        assert 0 <= found.brightness <= 1
        assert 0 <= found.contrast <= 1
        assert all(0 <= bar < 0.5 for bar in found.letterbox)
