"""Where this page works, and what is known of its projects' pictures.

Server functions are called by the page without knowing the workspace; they find it here: the only one
of this process or, in the demo, that of the visitor who asks. What was scanned is kept until a folder
changes, because the page asks every second. What a panel keeps between two questions belongs to a
place (`of_place`), so that nobody is shown what it keeps of somebody else.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from lorabake.core.concept_settings import write_concept_settings
from lorabake.core.dataset import Concept, Dataset, scan_dataset, set_repeats
from lorabake.core.errors import DatasetError, LorabakeError, WorkspaceError
from lorabake.core.workspace import Project, Workspace
from lorabake.ui.chosen import read_chosen
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.roles import Person, who

__all__ = [
    "Picture",
    "Place",
    "Shelf",
    "beside",
    "of_place",
    "open_place",
    "open_places",
    "place",
]

MAX_NAME = 200


class Place:
    """A workspace with its index and its shelves."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.index = workspace.index
        self._shelves: dict[str, Shelf] = {}
        self._extensions: dict[str, tuple[int, str]] = {}
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._counting = threading.Lock()
        self._version = 0
        self._kept: dict[int, Any] = {}
        self._keeping = threading.RLock()

    def kept(self, key: object, make: Callable[[], Any]) -> Any:
        """What a panel keeps here, made when it is first asked for; see `of_place`."""
        with self._keeping:
            if id(key) not in self._kept:
                self._kept[id(key)] = make()
            return self._kept[id(key)]

    def project(self, name: object) -> Project:
        """The project of that name; anything else is refused by the workspace."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise WorkspaceError("Choose a project first.")
        return self.workspace.project(name)

    def shelf(self, name: object, *, thorough: bool = False) -> Shelf:
        """The project's pictures; what others changed meanwhile is read first.

        thorough: look at every file. Otherwise that is done now and then, and each time only at
        the folders, where whatever is written by renaming shows.
        """
        project = self.project(name)
        extension = self.caption_extension(project)
        with self._locks[project.name]:
            known = self._shelves.get(project.name)
            if (
                known is None
                or known.extension != extension
                or not known.is_current(thorough=thorough)
            ):
                known = self._shelves[project.name] = self._scan(project, extension)
            return known

    def _scan(self, project: Project, extension: str) -> Shelf:
        def scan() -> Dataset:
            return scan_dataset(project.dataset_dir, index=self.index, caption_extension=extension)

        return Shelf(scan, project.dataset_dir, extension, self._next_version)

    def _next_version(self) -> int:
        """Grows, also over a restart: a page that is still open must not take old for new."""
        with self._counting:
            self._version = max(self._version + 1, time.time_ns() // 1_000_000)
            return self._version

    def caption_extension(self, project: Project) -> str:
        """How the project's caption files end, as its recipe says."""
        try:
            stamp = project.settings_path.stat().st_mtime_ns
        except OSError:
            stamp = 0
        known = self._extensions.get(project.name)
        if known is None or known[0] != stamp:
            extension = read_chosen(project).recipe.captions.caption_extension
            known = self._extensions[project.name] = (stamp, extension)
        return known[1]

    def dataset(self, project: Project, caption_extension: str = "") -> Dataset:
        """What a bake would see, with the recipe's kind of caption files."""
        shelf = self.shelf(project.name, thorough=True)
        if caption_extension in ("", shelf.extension):
            return shelf.dataset
        return scan_dataset(
            project.dataset_dir, index=self.index, caption_extension=caption_extension
        )

    def dataset_version(self, project: object) -> int:
        """Another number whenever a caption or the pictures changed, whoever did it."""
        return self.shelf(project).version

    def set_repeats(self, project: object, repeats: Mapping[str, int]) -> dict[str, int]:
        """Rename concept folders, all or none; other trainers read the repeats from their names.

        repeats: folder → times; returns the new names with the times before.
        """
        name = self.project(project).name
        concepts = {folder: self._concept(name, folder) for folder in repeats}
        root = self.shelf(name).dataset.root
        done: dict[str, int] = {}
        try:
            for folder, times in repeats.items():
                concept = concepts[folder]
                if concept.folder == root:
                    raise DatasetError(
                        "These pictures lie in no folder of their own. "
                        f"Move them into one inside of {root}, such as {times}_trigger."
                    )
                done[set_repeats(concept.folder, times).name] = concept.repeats
        except LorabakeError:
            for folder, times in reversed(done.items()):
                set_repeats(root / folder, times)
            raise
        finally:
            self.forget(name)
        return done

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

    def captions_changed(self, project: object, paths: Iterable[str | Path]) -> int:
        """Read the captions that the page itself has just written; the new version.

        paths: of caption files, below the data set or whole; anything else (pictures that were
        renamed) has the folders scanned anew.
        """
        name = self.project(project).name
        root = self.project(project).dataset_dir
        with self._locks[name]:
            known = self._shelves.get(name)
            if known is not None and not known.changed_here(root / path for path in paths):
                self.forget(name)
        return self.dataset_version(name)

    def caption_saved(self, project: object, picture: Picture) -> int:
        """The same for one picture's caption; the new version."""
        extension = self.caption_extension(self.project(project))
        return self.captions_changed(project, [picture.path.with_suffix(extension)])

    def forget(self, name: str) -> None:
        """Scan the project anew at the next question."""
        with self._locks[name]:
            self._shelves.pop(name, None)


_place: Place | None = None
_find: Callable[[Person], Place] | None = None


def open_place(workspace: Workspace) -> Place:
    """Make this workspace the page's."""
    global _place, _find
    _place, _find = Place(workspace), None
    return _place


def open_places(find: Callable[[Person], Place]) -> None:
    """Let everybody who asks have a place of their own; LorabakeError for who has none."""
    global _place, _find
    _place, _find = None, find


def place() -> Place:
    if _find is not None:
        return _find(who())
    assert _place is not None, "open_place() comes first"
    return _place


def beside(work: Callable[..., Any], *arguments: Any, name: str) -> threading.Thread:
    """A thread, not yet started, that works in the place of who asks now, beside the page."""
    context = copy_context()
    return threading.Thread(target=lambda: context.run(work, *arguments), name=name, daemon=True)


Thing = TypeVar("Thing")


def of_place(make: Callable[[], Thing]) -> Thing:
    """Something of which every place has its own, to be used like the thing itself.

    For whatever a module keeps between two questions: `_known: dict[str, Seen] = of_place(dict)`.
    """
    return cast(Thing, _OfPlace(make))


class _OfPlace:
    """Hands everything on to the present place's own thing."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        object.__setattr__(self, "_make", make)

    def _here(self) -> Any:
        return place().kept(self, object.__getattribute__(self, "_make"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._here(), name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._here()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._here()[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._here()[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._here()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._here())

    def __len__(self) -> int:
        return len(self._here())

    def __bool__(self) -> bool:
        return bool(self._here())
