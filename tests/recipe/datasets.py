"""Datasets in memory, for sums that need no pictures."""

from __future__ import annotations

from pathlib import Path

from lorabake.core.caption import Caption
from lorabake.core.dataset import Concept, Dataset, DatasetImage, Problem

SQUARE = (1024, 1024)


def concept(
    images: int | list[tuple[int, int]],
    repeats: int = 1,
    trigger: str = "ohwx",
    tags: tuple[str, ...] = ("1girl", "solo", "smile"),
) -> Concept:
    """A concept of square pictures, or of pictures of the sizes given."""
    sizes = [SQUARE] * images if isinstance(images, int) else images
    folder = Path("dataset") / f"{repeats}_{trigger}"
    pictures = tuple(
        DatasetImage(
            path=folder / f"{number:04d}.png",
            width=width,
            height=height,
            sha256=f"{trigger}{number}",
            caption=Caption((trigger, *tags) if tags else ()),
            has_caption=bool(tags),
        )
        for number, (width, height) in enumerate(sizes)
    )
    return Concept(folder.name, folder, repeats, trigger, pictures)


def dataset(*concepts: Concept, problems: tuple[Problem, ...] = ()) -> Dataset:
    return Dataset(Path("dataset"), concepts, problems)
