"""Captions as they were read, and the lines of them that operations work on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.caption import caption_path, parse_caption, read_caption
from lorabake.core.dataset import Dataset
from lorabake.core.errors import DatasetError


@dataclass(frozen=True)
class Item:
    """One picture's caption as it was read. id: "5_kafka/a.png"; hash: of the text, for saving."""

    id: str
    image: Path
    text: str
    hash: str
    concept: str = ""
    trigger: str = ""
    extension: str = ".txt"

    @property
    def path(self) -> Path:
        """Of the caption file."""
        return caption_path(self.image, self.extension)

    @property
    def tags(self) -> tuple[str, ...]:
        """Of the line that is trained."""
        return parse_caption(self.text).tags


def items_of(
    dataset: Dataset, ids: Collection[str] | None = None, extension: str = ".txt"
) -> list[Item]:
    """The captions of these pictures, as they are on disk now; None for all.

    A file that is no caption at all is left out: the dataset's problems name it.
    """
    found = []
    for concept in dataset.concepts:
        # Pictures that lie in no folder of their own have no trigger word.
        trigger = "" if concept.folder == dataset.root else concept.trigger
        for image in concept.images:
            name = f"{concept.folder.name}/{image.path.name}"
            if ids is not None and name not in ids:
                continue
            try:
                read = read_caption(caption_path(image.path, extension))
            except DatasetError:
                continue
            found.append(
                Item(name, image.path, read.text, read.hash, concept.name, trigger, extension)
            )
    return found


@dataclass(frozen=True)
class Layout:
    """The lines of a caption, and the tags of those to work on.

    parts: lines with their line ends, as Python splits them. tags: of each line to be changed, by
    its number; without a number where the text as a whole is made anew.
    """

    parts: tuple[str, ...]
    tags: tuple[tuple[int | None, tuple[str, ...]], ...]

    @classmethod
    def of(cls, text: str, which: str) -> Layout:
        """which: "first", "each" or "join", as in ProcessSettings.lines."""
        parts = tuple(text.splitlines(keepends=True))
        found = [(number, parse_caption(part).tags) for number, part in enumerate(parts)]
        filled: list[tuple[int | None, tuple[str, ...]]] = [(n, tags) for n, tags in found if tags]
        if which == "join" or not filled:
            return cls(parts, ((None, tuple(tag for _, tags in found for tag in tags)),))
        return cls(parts, tuple(filled if which == "each" else filled[:1]))

    def text(self, lines: Sequence[tuple[str, ...]]) -> str:
        """The caption with other tags in the chosen lines; untouched ones stay word for word."""
        parts = list(self.parts)
        for (number, before), now in zip(self.tags, lines, strict=True):
            if number is None:
                return ", ".join(now)
            if now != before:
                body = parts[number]
                parts[number] = ", ".join(now) + body[len(body.splitlines()[0]) :]
        return "".join(parts)
