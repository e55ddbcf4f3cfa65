"""Draws regularisation pictures: other characters, so that a trigger word has something to be told from."""

from __future__ import annotations

from pathlib import Path
from random import Random

from PIL import Image

from .characters import random_character
from .draw import draw
from .sample_project import SIZE

FOLDER = "1_others"
SEED = 4711


def write_regularisation(dataset: Path, pictures: int) -> Path:
    """`dataset`/1_others with pictures of characters that the model knows, marked as regularisation.

    Their captions say what those of the sample say, clothes, mood and background, and no looks: so
    the looks that come without the trigger word stay anybody's. Returns the folder.
    """
    folder = dataset / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, pictures + 1):
        rng = Random(f"{SEED}:{number}")
        other = random_character(rng)
        picture = folder / f"{number:03}.png"
        draw(other, rng, SIZE).quantize(96, dither=Image.Dither.NONE).save(picture)
        told = [other.sex, f"{other.outfit_colour} {other.outfit}", other.expression]
        caption = ", ".join([*told, f"{other.background} background"])
        picture.with_suffix(".txt").write_text(f"{caption}\n", encoding="utf-8", newline="\n")
    (folder / "concept.toml").write_text("is_reg = true\n", encoding="utf-8")
    return folder
