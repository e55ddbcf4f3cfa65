"""Rename pictures to ascending numbers, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from lorabake.captions.editing import place_below
from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.errors import DatasetError
from lorabake.core.history import Move, Outcome, open_history
from lorabake.core.image import is_picture_name
from lorabake.core.names import name_key, natural_key, shown

TITLE = "Rename to ascending numbers"
MAX_START = 10**6
MAX_DIGITS = 9

Order = Literal["natural", "date", "size"]


def plan_rename(
    dataset: Dataset, *, start: int = 1, digits: int | None = None, order: Order = "natural"
) -> list[Move]:
    """The new names 01.png, 02.png, … in each concept folder; [] when all have theirs already.

    Captions, other files and masks of the same name before the dot go with their picture. A number
    that a file has which stays (one that cannot be read as a picture, say) is left out. digits:
    None for as many as the largest number needs; order: "date" is the oldest first, "size" the
    picture with the most pixels first. DatasetError for numbers out of range.
    """
    if not 0 <= start <= MAX_START:
        raise DatasetError(f"The first number can be from 0 to {MAX_START}, not {start}.")
    if digits is not None and not 1 <= digits <= MAX_DIGITS:
        raise DatasetError(f"Numbers can have from 1 to {MAX_DIGITS} digits, not {digits}.")
    moves: list[Move] = []
    for concept in dataset.concepts:
        moves += _moves_of(dataset.root, concept, start, digits, order)
    return moves


def rename_ascending(
    root: Path,
    dataset: Dataset,
    *,
    start: int = 1,
    digits: int | None = None,
    order: Order = "natural",
) -> Outcome:
    """Do it as one step of the history; StaleChange, and nothing is done, when a file is gone."""
    return open_history(root).do(
        TITLE, plan_rename(dataset, start=start, digits=digits, order=order), origin="rename"
    )


def _moves_of(
    root: Path, concept: Concept, start: int, digits: int | None, order: Order
) -> list[Move]:
    images = _ordered(concept.images, order)
    belonging = _by_stem(concept.folder, pictures=False)
    masks = _by_stem(concept.masks, pictures=True)
    parts = [[image.path, *_of(image, belonging), *_of(image, masks)] for image in images]
    leaving = {path for group in parts for path in group}
    taken = _stems([concept.folder, concept.masks], without=leaving)
    stems = _free_stems(len(images), start, digits, taken)
    return [
        Move(place_below(root, path), place_below(root, path.with_name(f"{stem}{path.suffix}")))
        for group, stem in zip(parts, stems, strict=True)
        for path in group
        if path.stem != stem
    ]


def _ordered(images: Iterable[DatasetImage], order: Order) -> list[DatasetImage]:
    natural = sorted(images, key=lambda image: natural_key(image.path.name))
    if order == "date":
        return sorted(natural, key=lambda image: _changed(image.path))
    if order == "size":
        return sorted(natural, key=lambda image: -image.width * image.height)
    return natural


def _changed(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _by_stem(folder: Path | None, *, pictures: bool) -> dict[str, list[Path]]:
    """Files of a folder by their name before the last dot: the pictures of it, or all others."""
    found: dict[str, list[Path]] = {}
    for path in _files(folder):
        if is_picture_name(path.name) == pictures:
            found.setdefault(path.stem, []).append(path)
    return found


def _of(image: DatasetImage, files: dict[str, list[Path]]) -> list[Path]:
    """Those with the picture's name; blind to case, as training and scans are, when none is exact."""
    exact = files.get(image.path.stem)
    if exact is not None:
        return exact
    key = name_key(image.path.stem)
    return [path for stem, paths in files.items() if name_key(stem) == key for path in paths]


def _files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return [
            path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise DatasetError(
            f"The folder {shown(folder.name)} cannot be read ({error.strerror}). "
            "Look at its permissions."
        ) from error


def _stems(folders: Iterable[Path | None], without: set[Path]) -> set[str]:
    """Keys of the names that stay where they are; a file `3.tar.gz` keeps both 3 and 3.tar."""
    stems = set()
    for folder in folders:
        for path in _files(folder):
            if path not in without:
                stems.update({name_key(path.stem), name_key(path.name.partition(".")[0])})
    return stems


def _free_stems(count: int, start: int, digits: int | None, taken: set[str]) -> list[str]:
    width = digits
    while True:
        width = width or len(str(start + max(count - 1, 0)))
        stems: list[str] = []
        number = start
        while len(stems) < count:
            stem = f"{number:0{width}d}"
            if stem not in taken:
                stems.append(stem)
            number += 1
        if digits is not None or not stems or len(stems[-1]) <= width:
            return stems
        width += 1
