"""The pictures of a data set that is being sorted: those in concept folders, and the pile beside them.

The pile is what lies in the data set's folder itself. As long as there is no concept folder, that is
everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lorabake.core import image as images
from lorabake.core.caption import Caption
from lorabake.core.dataset import Concept, Dataset, DatasetImage, scan_dataset, with_caption
from lorabake.core.errors import DatasetError
from lorabake.core.filter import parse_filter
from lorabake.core.image import ImageInfo, is_picture_name
from lorabake.core.index import Index
from lorabake.core.names import natural_key
from lorabake.core.sources import Sources
from lorabake.core.tags import tag_key
from lorabake.engine.token_count import count_tokens


@dataclass(frozen=True)
class Picture:
    """A picture to sort, and all that a filter may ask of it (core.filter.Facts).

    id: below the data set, "5_zetadef/a.png"; folder: of its concept, "" in the pile.
    """

    id: str
    folder: str
    concept: str
    image: DatasetImage
    source: str = ""

    @property
    def file(self) -> Path:
        return self.image.path

    @property
    def sha256(self) -> str:
        return self.image.sha256

    @property
    def name(self) -> str:
        return self.image.path.name

    @property
    def path(self) -> str:
        return self.id

    @property
    def caption(self) -> str:
        return self.image.caption.text

    @cached_property
    def tags(self) -> tuple[str, ...]:
        return tuple(map(tag_key, self.image.caption.tags))

    @property
    def tokens(self) -> int:
        return count_tokens(self.caption).tokens

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height


@dataclass(frozen=True)
class Sorting:
    """A data set on its way into folders. concepts: without the pile; pile: in no folder yet."""

    root: Path
    dataset: Dataset
    concepts: tuple[Concept, ...]
    pictures: tuple[Picture, ...]

    @property
    def pile(self) -> tuple[Picture, ...]:
        return tuple(picture for picture in self.pictures if not picture.folder)

    def of(self, folder: str) -> tuple[Picture, ...]:
        return tuple(picture for picture in self.pictures if picture.folder == folder)

    def named(self, ids: Iterable[str]) -> list[Picture]:
        """The pictures of these ids; DatasetError for one that is not there any more."""
        known = {picture.id: picture for picture in self.pictures}
        found = []
        for one in dict.fromkeys(ids):
            if one not in known:
                raise DatasetError(
                    "A picture is not there any more. Look at the folders again and choose anew."
                )
            found.append(known[one])
        return found

    def matching(self, expression: str, *, pile_only: bool = False) -> list[Picture]:
        """What a filter finds; FilterError when it cannot be understood."""
        rows = self.pile if pile_only else self.pictures
        return [rows[number] for number in parse_filter(expression).select(rows)]


def look_at(root: Path, *, index: Index | None = None, caption_extension: str = ".txt") -> Sorting:
    """Read a data set with its pile. DatasetError when there is no such folder."""
    dataset = scan_dataset(root, index=index, caption_extension=caption_extension)
    return sorting_of(dataset, index=index, caption_extension=caption_extension)


def sorting_of(
    dataset: Dataset, *, index: Index | None = None, caption_extension: str = ".txt"
) -> Sorting:
    """The same for a data set that was scanned already: only the pile is looked for."""
    root = dataset.root
    sources = Sources.open(root).names()
    concepts = tuple(one for one in dataset.concepts if one.folder != root)
    pictures = [
        _picture(root, concept.folder.name, concept.trigger, image, sources.get(image.sha256, ""))
        for concept in concepts
        for image in concept.images
    ]
    loose = _loose(root, dataset, index, caption_extension)
    pictures += [_picture(root, "", "", image, sources.get(image.sha256, "")) for image in loose]
    return Sorting(root, dataset, concepts, tuple(pictures))


def _picture(root: Path, folder: str, concept: str, image: DatasetImage, source: str) -> Picture:
    return Picture(image.path.relative_to(root).as_posix(), folder, concept, image, source)


def _loose(
    root: Path, dataset: Dataset, index: Index | None, extension: str
) -> Sequence[DatasetImage]:
    whole = next((one for one in dataset.concepts if one.folder == root), None)
    if whole is not None:
        return whole.images
    paths = [path for path in root.iterdir() if path.is_file() and is_picture_name(path.name)]
    paths = [path for path in paths if not path.name.startswith(".")]
    paths.sort(key=lambda path: natural_key(path.name))
    infos = index.probe_many(paths) if index else images.probe_many(paths)
    found = []
    for path, info in zip(paths, infos, strict=True):
        if isinstance(info, ImageInfo):
            bare = DatasetImage(path, info.width, info.height, info.sha256, Caption(), False)
            found.append(with_caption(bare, extension)[0])
    return found
