"""Small drawings of known sharpness, colours and bars."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def drawing(
    size: tuple[int, int] = (600, 800), *, seed: int = 0, back: Colour = (205, 220, 240)
) -> Image.Image:
    """A figure of flat colours with dark outlines, as in anime."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, back)
    pen = ImageDraw.Draw(picture)
    width, height = size
    for colour in ((250, 220, 200), (150, 40, 160), (40, 160, 90), (240, 200, 40)):
        x, y = random.uniform(0.1, 0.5, 2)
        pen.ellipse(
            (x * width, y * height, (x + 0.35) * width, (y + 0.3) * height),
            fill=colour,
            outline=(30, 20, 30),
            width=max(2, width // 150),
        )
    pen.rectangle((width * 0.4, height * 0.5, width * 0.6, height * 0.95), fill=(60, 60, 200))
    return picture


def blurred(picture: Image.Image, sigma: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(sigma))


def with_bars(
    picture: Image.Image, top: int, bottom: int, colour: Colour = (0, 0, 0)
) -> Image.Image:
    framed = Image.new("RGB", (picture.width, picture.height + top + bottom), colour)
    framed.paste(picture, (0, top))
    return framed


def figures(boxes: list[tuple[int, int, int, int]], size: tuple[int, int]) -> Image.Image:
    """Views on white: an oval within each (left, top, right, bottom)."""
    picture = Image.new("RGB", size, WHITE)
    pen = ImageDraw.Draw(picture)
    for left, top, right, bottom in boxes:
        pen.ellipse((left, top, right - 1, bottom - 1), fill=(180, 90, 140), outline=(20, 10, 20))
    return picture


def save(picture: Image.Image, path: Path, caption: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture)


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))
