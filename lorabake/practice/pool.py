"""Drawings made in advance, as arrays: what the stages of the build train on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from .characters import Character, labels, random_character
from .draw import draw
from .shapes import star

logger = logging.getLogger(__name__)

Pixels = np.ndarray


@dataclass(frozen=True)
class Pool:
    """pixels: uint8 (N, 3, 64, 64); characters: what is in each picture."""

    pixels: Pixels
    characters: tuple[Character, ...]

    def labels(self) -> np.ndarray:
        """int64 (N, number of fields), class numbers in the order of characters.VALUES."""
        return np.array([labels(character) for character in self.characters], dtype=np.int64)


def make_pool(count: int, seed: int, *, clutter: float = 0.0, size: int = 64) -> Pool:
    """`count` random characters; `clutter` is the share that gets foreign shapes painted over."""
    pixels = np.empty((count, 3, size, size), dtype=np.uint8)
    characters = []
    for index in range(count):
        rng = Random(f"{seed}:{index}")
        character = random_character(rng)
        image = draw(character, rng, size)
        if rng.random() < clutter:
            image = cluttered(image, rng)
        pixels[index] = np.asarray(image).transpose(2, 0, 1)
        characters.append(character)
    return Pool(pixels, tuple(characters))


def cached_pixels(cache: Path, count: int, seed: int, *, clutter: float = 0.0) -> Pixels:
    """The pixels of make_pool, kept in a file between runs."""
    file = cache / f"pool-{seed}-{count}-{clutter:g}.npy"
    if not file.exists():
        logger.info("drawing %d characters", count)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, make_pool(count, seed, clutter=clutter).pixels)
    pixels: Pixels = np.load(file)
    return pixels


def cluttered(image: Image.Image, rng: Random) -> Image.Image:
    """The picture with one to three random shapes.

    A VAE that has seen only this world cannot encode the new accessory of somebody's character;
    one that has seen shapes everywhere can.
    """
    zoom = 4
    big = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(big)
    for _ in range(rng.randint(1, 3)):
        shape = rng.choices((_disc, _star, _stripes, _line, _half), (1, 2, 3, 1, 1))[0]
        shape(pen, big.width, rng)
    return big.reduce(zoom)


def _colour(rng: Random) -> tuple[int, int, int]:
    return rng.randint(20, 255), rng.randint(20, 255), rng.randint(20, 255)


def _disc(pen: ImageDraw.ImageDraw, size: int, rng: Random) -> None:
    x, y = rng.uniform(0, size), rng.uniform(0, size)
    rx, ry = rng.uniform(0.03, 0.16) * size, rng.uniform(0.03, 0.16) * size
    pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=_colour(rng), outline=_colour(rng), width=4)


def _star(pen: ImageDraw.ImageDraw, size: int, rng: Random) -> None:
    corners = star(
        rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0.05, 0.15) * size, rng.random()
    )
    pen.polygon(corners, fill=_colour(rng), outline=_colour(rng), width=4)


def _stripes(pen: ImageDraw.ImageDraw, size: int, rng: Random) -> None:
    """A bundle of parallel bands of two colours, in any direction."""
    colours = (_colour(rng), rng.choice((_colour(rng), (250, 250, 252))))
    x, y = rng.uniform(0, size * 0.8), rng.uniform(0, size * 0.8)
    dx, dy = rng.choice(((1, 0), (0, 1), (1, 0.2), (0.2, 1)))
    step, long = rng.uniform(0.04, 0.09) * size, rng.uniform(0.1, 0.3) * size
    for index in range(rng.randint(3, 9)):
        left, top = x + dx * step * index, y + dy * step * index
        band = [(left, top), (left + dx * step, top + dy * step)]
        band += [(px + dy * long, py + dx * long) for px, py in reversed(band)]
        pen.polygon(band, fill=colours[index % 2])


def _line(pen: ImageDraw.ImageDraw, size: int, rng: Random) -> None:
    ends = [(rng.uniform(0, size), rng.uniform(0, size)) for _ in range(2)]
    pen.line(ends, fill=_colour(rng), width=rng.randint(4, 14))


def _half(pen: ImageDraw.ImageDraw, size: int, rng: Random) -> None:
    """A block of one colour with a straight edge, as where two colours of hair meet."""
    x, y = rng.uniform(0.2, 0.8) * size, rng.uniform(0.05, 0.7) * size
    pen.rectangle(
        (x, y, x + rng.uniform(0.1, 0.3) * size, y + rng.uniform(0.1, 0.3) * size),
        fill=_colour(rng),
    )
