"""Where this page works: one workspace per process, and what is known of its projects' pictures.

Server functions are called by the page without knowing the workspace; they find it here. What was
scanned is kept until a folder changes, because the page asks every second.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lorabake.core.concept_settings import write_concept_settings
from lorabake.core.dataset import Concept, Dataset, Problem, scan_dataset, set_repeats
from lorabake.core.errors import DatasetError, WorkspaceError
from lorabake.core.workspace import Project, Workspace

MAX_NAME = 200


@dataclass
class Picture:
    """One picture of a project as the page sees it. id: "5_kafka/a.png", a key, never a path."""

    id: str
    path: Path
    folder: str
    sha: str
    width: int
    height: int
    caption: str
    captioned: bool


@dataclass
class Shelf:
    """The pictures of a project. stamp: when its folders last changed."""

    dataset: Dataset
    stamp: tuple[tuple[str, int], ...]
    by_id: dict[str, Picture] = field(default_factory=dict)
    by_sha: dict[str, Picture] = field(default_factory=dict)

    @property
    def captioned(self) -> int:
        return sum(picture.captioned for picture in self.by_id.values())

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.dataset.problems


class Place:
    """A workspace with its index and its shelves."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.index = workspace.index
        self._shelves: dict[str, Shelf] = {}
        self._lock = threading.Lock()

    def project(self, name: object) -> Project:
        """The project of that name; anything else is refused by the workspace."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise WorkspaceError("Choose a project first.")
        return self.workspace.project(name)

    def shelf(self, name: object) -> Shelf:
        """The project's pictures, scanned again only when a folder changed."""
        project = self.project(name)
        with self._lock:
            stamp = _stamp(project.dataset_dir)
            known = self._shelves.get(project.name)
            if known is None or known.stamp != stamp:
                known = _fill(scan_dataset(project.dataset_dir, index=self.index), stamp)
                self._shelves[project.name] = known
            return known

    def dataset(self, project: Project, caption_extension: str = ".txt") -> Dataset:
        """What a bake would see, with the recipe's kind of caption files."""
        if caption_extension == ".txt":
            return self.shelf(project.name).dataset
        return scan_dataset(
            project.dataset_dir, index=self.index, caption_extension=caption_extension
        )

    def set_repeats(self, project: object, folder: str, repeats: int) -> None:
        """Rename a concept's folder; other trainers read the repeats from its name."""
        name = self.project(project).name
        concept = self._concept(name, folder)
        if concept.folder == self.shelf(name).dataset.root:
            raise DatasetError(
                "These pictures lie in no folder of their own. "
                f"Move them into one inside of {concept.folder}, such as {repeats}_trigger."
            )
        set_repeats(concept.folder, repeats)
        self.forget(name)

    def set_reg(self, project: object, folder: str, reg: bool) -> None:
        """Mark a concept's folder as regularisation or not; its other settings stay."""
        name = self.project(project).name
        concept = self._concept(name, folder)
        write_concept_settings(concept.folder, replace(concept.settings, is_reg=reg))
        self.forget(name)

    def _concept(self, name: str, folder: str) -> Concept:
        for concept in self.shelf(name).dataset.concepts:
            if concept.folder.name == folder:
                return concept
        raise DatasetError("This folder is no longer there. Reload the page to see what is.")

    def caption_saved(self, name: str, picture: Picture, text: str) -> None:
        """Keep the shelf in step with what the page itself has just written."""
        with self._lock:
            picture.caption, picture.captioned = text, bool(text.strip())
            shelf = self._shelves.get(name)
            if shelf is not None:
                shelf.stamp = _stamp(shelf.dataset.root)

    def forget(self, name: str) -> None:
        """Scan the project anew at the next question."""
        with self._lock:
            self._shelves.pop(name, None)


_place: Place | None = None


def open_place(workspace: Workspace) -> Place:
    """Make this workspace the page's."""
    global _place
    _place = Place(workspace)
    return _place


def place() -> Place:
    assert _place is not None, "open_place() comes first"
    return _place


def _stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Names and modification times of the dataset folder and its folders.

    Captions and pictures are replaced by renaming, which changes the folder they lie in.
    """
    return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in _folders(folder)))


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from (path for path in folder.iterdir() if path.is_dir())


def _fill(dataset: Dataset, stamp: tuple[tuple[str, int], ...]) -> Shelf:
    shelf = Shelf(dataset, stamp)
    for concept in dataset.concepts:
        for image in concept.images:
            picture = Picture(
                id=f"{concept.folder.name}/{image.path.name}",
                path=image.path,
                folder=concept.folder.name,
                sha=image.sha256,
                width=image.width,
                height=image.height,
                caption=image.caption.text,
                captioned=image.has_caption,
            )
            shelf.by_id[picture.id] = picture
            shelf.by_sha[picture.sha] = picture
    return shelf
