"""What a tagger sees, against the same steps as SmilingWolf's page takes them, written out anew."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from lorabake.core.errors import ImageError
from lorabake.tag.pixels import batch_of, prepare


def stated(path: Path, side: int) -> np.ndarray:
    """Upright → white behind it → RGB → centred square of white → bicubic → BGR, 0 to 255."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    white = Image.new("RGBA", picture.size, (255, 255, 255))
    rgb = Image.alpha_composite(white, picture).convert("RGB")
    width, height = rgb.size
    longest = max(width, height)
    square = Image.new("RGB", (longest, longest), (255, 255, 255))
    square.paste(rgb, ((longest - width) // 2, (longest - height) // 2))
    if longest != side:
        square = square.resize((side, side), Image.BICUBIC)
    return np.asarray(square, dtype=np.float32)[:, :, ::-1]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "size", [(640, 360), (361, 640), (448, 448), (200, 100), (1, 7), (900, 899)]
)
def test_any_shape(tmp_path, size):
    path = tmp_path / "a.png"
    Image.fromarray(noise(size[1], size[0], 3)).save(path)
    assert np.array_equal(prepare(path, 448), stated(path, 448))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_turned_first(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise(60, 100, 3)).save(path, exif=exif, quality=95)
    assert np.array_equal(prepare(path, 64), stated(path, 64))


def test_transparency_lies_on_white(tmp_path):
    """Hidden colours under alpha 0 never reach the tagger."""
    pixels = noise(50, 80, 4)
    pixels[:25, :, 3] = 0
    path = tmp_path / "a.png"
    Image.fromarray(pixels, "RGBA").save(path)
    seen = prepare(path, 80).astype(np.float32)
    assert (seen[:40] == 255).all()
    assert np.abs(seen - stated(path, 80)).max() <= 1  # two ways of rounding one blend


def test_a_palette_with_a_transparent_colour(tmp_path):
    path = tmp_path / "a.gif"
    picture = Image.new("P", (32, 16), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 16, 16))
    picture.save(path, transparency=0)
    assert np.array_equal(prepare(path, 32), stated(path, 32))


def test_blue_comes_first_and_values_go_to_255(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), (255, 128, 0)).save(path)
    batch = batch_of([prepare(path, 8), prepare(path, 8)])
    assert batch.shape == (2, 8, 8, 3)
    assert batch.dtype == np.float32
    assert batch[1, 3, 3].tolist() == [0.0, 128.0, 255.0]
    assert batch.flags["C_CONTIGUOUS"]


def test_a_long_strip_does_not_need_a_gigabyte(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (16_000, 20), (9, 9, 9)).save(path)
    seen = prepare(path, 64)
    assert seen.shape == (64, 64, 3)
    assert (seen[0] == 255).all()


def test_what_is_no_picture_is_told(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"<html>")
    with pytest.raises(ImageError, match=r"a\.png"):
        prepare(path, 64)
