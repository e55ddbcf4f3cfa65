"""The pictures of one project in memory, kept in step with the disk caption by caption.

A data set of ten thousand pictures takes a second to scan. So it is scanned once; afterwards only
captions that changed are read again, and everything is scanned anew only when pictures or folders
came, went or changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import monotonic

from lorabake.core.dataset import Dataset, DatasetImage, Problem, with_caption
from lorabake.core.filter import Facts
from lorabake.core.sources import Sources
from lorabake.core.tags import tag_key
from lorabake.engine.token_count import count_many
from lorabake.ui.watch import Watch

LOOK_PAUSE = 2.0  # seconds at least between two looks at every file
LOOK_SHARE = 50.0  # a look may take one part in so many of the time
REMEMBERED = 200  # changes of which a window that was behind is told the pictures
MAX_KEYS = 200_000  # tags whose key is kept


@dataclass(eq=False)
class Picture:
    """One picture of a project as the page sees it. id: "5_kafka/a.png", a key, never a path.

    caption: the tags of its first line, tidied up; changed: time of its file, ns since 1970.
    """

    id: str
    path: Path
    folder: str
    trigger: str
    sha: str
    width: int
    height: int
    changed: int
    caption: str = ""
    captioned: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """As they are written."""
        return tuple(self.caption.split(", ")) if self.caption else ()


class Shelf:
    """The pictures of a project in the order of their folders.

    version: changes with every caption; listing: changes when there are other pictures.
    """

    def __init__(
        self,
        scan: Callable[[], Dataset],
        root: Path,
        extension: str,
        next_version: Callable[[], int],
    ) -> None:
        self.extension = extension
        self._next_version = next_version
        self._sources = Sources.open(root)
        self.source_names: Mapping[str, str] = {}  # by sha256, as of the last question for facts
        self._watch = Watch(root)  # before the scan: what changes meanwhile is noticed afterwards
        self._dataset = scan()
        self._images: dict[str, DatasetImage] = {}
        self._stale = False
        self._looked = monotonic()
        self._pause = LOOK_PAUSE
        self._facts: dict[str, PictureFacts] = {}
        self._changes: deque[tuple[int, frozenset[str]]] = deque(maxlen=REMEMBERED)
        self.version = self.listing = next_version()
        self.by_id: dict[str, Picture] = {}
        self.by_sha: dict[str, Picture] = {}
        self._by_caption: dict[Path, Picture] = {}
        self._fill()

    def _fill(self) -> None:
        for concept in self._dataset.concepts:
            for image in concept.images:
                picture = Picture(
                    id=f"{concept.folder.name}/{image.path.name}",
                    path=image.path,
                    folder=concept.folder.name,
                    trigger=concept.trigger,
                    sha=image.sha256,
                    width=image.width,
                    height=image.height,
                    changed=self._watch.time_of(image.path),
                    caption=image.caption.text,
                    captioned=image.has_caption,
                )
                self.by_id[picture.id] = picture
                self.by_sha[picture.sha] = picture
                self._by_caption[image.path.with_suffix(self.extension)] = picture
                self._images[picture.id] = image

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(self.by_id.values())

    @property
    def captioned(self) -> int:
        return sum(picture.captioned for picture in self.by_id.values())

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.dataset.problems

    @property
    def stamp(self) -> tuple[int, int]:
        """Another one whenever a bake would see something else."""
        return self.listing, self.version

    @property
    def dataset(self) -> Dataset:
        """What a bake would see."""
        if self._stale:
            concepts = tuple(
                replace(
                    concept,
                    images=tuple(
                        self._images[f"{concept.folder.name}/{image.path.name}"]
                        for image in concept.images
                    ),
                )
                for concept in self._dataset.concepts
            )
            self._dataset = replace(self._dataset, concepts=concepts)
            self._stale = False
        return self._dataset

    # --- keeping in step ---------------------------------------------------------------------

    def is_current(self, *, thorough: bool = False) -> bool:
        """Read what others changed; False when the folders must be scanned anew.

        thorough: look at every file now, not when it is time to.
        """
        begun = monotonic()
        everywhere = thorough or begun - self._looked >= self._pause
        changed = self._watch.changed(everywhere=everywhere)
        if everywhere:
            self._looked = monotonic()
            self._pause = max(LOOK_PAUSE, LOOK_SHARE * (self._looked - begun))
        return changed is not None and self._read(changed)

    def changed_here(self, paths: Iterable[Path]) -> bool:
        """The same for files that this page has changed itself, without looking for them."""
        mine = set(paths)
        self._watch.accept(mine)
        return self._read(mine)

    def _read(self, paths: set[Path]) -> bool:
        """Read these captions; False when one of the files is something else."""
        if not paths <= self._by_caption.keys():
            return False
        different = frozenset(
            picture.id
            for path in paths
            if self._read_caption(path, picture := self._by_caption[path])
        )
        if different:
            self.version = self._next_version()
            self._changes.append((self.version, different))
            self._stale = True
        return True

    def _read_caption(self, path: Path, picture: Picture) -> bool:
        before = self._images[picture.id]
        image, problems = with_caption(before, self.extension)
        kept = tuple(
            problem
            for problem in self._dataset.problems
            if not (problem.of_caption and problem.path in (path, picture.path))
        )
        if (image, kept + problems) == (before, self._dataset.problems):
            return False
        self._dataset = replace(self._dataset, problems=kept + problems)
        self._images[picture.id] = image
        picture.caption, picture.captioned = image.caption.text, image.has_caption
        self._facts.pop(picture.id, None)
        return True

    def changes_since(self, version: int) -> frozenset[str] | None:
        """Ids of the pictures whose captions changed after that version; None: look at all."""
        if version == self.version:
            return frozenset()
        if not self._changes or version < self.listing:
            return None
        if version < self._changes[0][0] and len(self._changes) == REMEMBERED:
            return None
        return frozenset().union(*(ids for number, ids in self._changes if number > version))

    # --- what a filter asks ------------------------------------------------------------------

    @property
    def facts(self) -> Sequence[Facts]:
        """In the order of `pictures`."""
        known = self._facts
        self.source_names = self._sources.names()
        return [
            known.get(picture.id) or known.setdefault(picture.id, PictureFacts(picture, self))
            for picture in self.pictures
        ]

    def count_tokens(self) -> None:
        """Count them for every picture at once, which is much quicker than one by one."""
        facts = [f for f in self.facts if isinstance(f, PictureFacts) and f.counted is None]
        for fact, count in zip(facts, count_many([f.caption for f in facts]), strict=True):
            fact.counted = count


class PictureFacts:
    """What a filter may ask of one picture (core.filter.Facts); made anew for another caption."""

    __slots__ = ("_sha", "_shelf", "caption", "concept", "counted", "height", "id", "name", "path", "tags", "width")  # fmt: skip

    def __init__(self, picture: Picture, shelf: Shelf) -> None:
        self._sha = picture.sha
        self._shelf = shelf
        self.id = self.path = picture.id
        self.name = picture.path.name
        self.caption = picture.caption
        self.concept = picture.trigger or picture.folder
        self.tags = tuple(map(cached_key, picture.tags))
        self.width = picture.width
        self.height = picture.height
        self.counted: int | None = None

    @property
    def source(self) -> str:
        """The board it is from, `generated`, `own`, or ""."""
        return self._shelf.source_names.get(self._sha, "")

    @property
    def tokens(self) -> int:
        if self.counted is None:
            self._shelf.count_tokens()
        if self.counted is None:  # the caption changed in between
            self.counted = count_many([self.caption])[0]
        return self.counted


_keys: dict[str, str] = {}


def cached_key(tag: str) -> str:
    """`tag_key`, remembered: a data set has few tags, but each of them many times."""
    key = _keys.get(tag)
    if key is None:
        if len(_keys) >= MAX_KEYS:
            _keys.clear()
        key = _keys[tag] = tag_key(tag)
    return key
