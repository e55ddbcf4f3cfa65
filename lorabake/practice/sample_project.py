"""Draws the sample project: pictures and captions of a character that the model does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from PIL import Image

from . import SAMPLE_TRIGGER
from .characters import (
    BACKGROUND,
    CLOTH,
    OUTFITS,
    Character,
    random_stranger,
    stranger_tags,
)
from .draw import draw

PICTURES = 24
REPEATS = 5
SIZE = 256
SEED = 2026


MOODS = ("smile", "open mouth", "smile", "open mouth", "frown")


def sample_stranger(number: int, rng: Random) -> Character:
    """The character of picture `number`; outfits, colours and backgrounds take their turns."""
    colours, papers = tuple(CLOTH), tuple(BACKGROUND)
    return replace(
        random_stranger(rng),
        outfit=OUTFITS[number % len(OUTFITS)],
        outfit_colour=colours[(number + number // len(colours)) % len(colours)],
        background=papers[(number + number // len(papers)) % len(papers)],
        expression=MOODS[number % len(MOODS)],
    )


def write_sample(folder: Path) -> list[Path]:
    """`folder`/5_ohwx/01.png with 01.txt and so on; returns the pictures."""
    home = folder / f"{REPEATS}_{SAMPLE_TRIGGER}"
    home.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number in range(1, PICTURES + 1):
        rng = Random(f"{SEED}:{number}")
        stranger = sample_stranger(number, rng)
        picture = home / f"{number:02}.png"
        # few colours: a flat drawing loses nothing, and the file is a third as large
        draw(stranger, rng, SIZE).quantize(96, dither=Image.Dither.NONE).save(
            picture, optimize=True
        )
        caption = ", ".join(stranger_tags(stranger, SAMPLE_TRIGGER))
        picture.with_suffix(".txt").write_text(f"{caption}\n", encoding="utf-8", newline="\n")
        pictures.append(picture)
    return pictures
