"""Where projects, models and runs live. The only place that turns names into paths."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from lorabake.core.errors import BadName, WorkspaceError
from lorabake.core.files import (
    TrashEntry,
    atomic_write_json,
    move_to_trash,
    read_json,
    sweep_temporaries,
    sync_folder,
    temporary_beside,
)
from lorabake.core.history import close_history
from lorabake.core.home import expanded
from lorabake.core.importing import ImportReport, import_images
from lorabake.core.index import Index
from lorabake.core.lock import folder_lock
from lorabake.core.names import free_name, is_safe_name, name_key, natural_key, safe_name, shown
from lorabake.core.run import Run
from lorabake.core.status import is_running

VARIABLE = "LORABAKE_WORKSPACE"
FORMAT = 1
MAX_SETTINGS = 256 * 1024  # bytes
_KEPT_JOBS = 10  # of a kind and a project
MAX_PATH = 240  # characters; Windows stops at 260, and the rest is for names of files
DEEPEST_JOB = 7  # names from the workspace to it: projects/NAME/runs/NAME/grid/NAME/verdict


@dataclass(frozen=True)
class Project:
    """One character, style or concept: `projects/NAME/` with its dataset, runs and trash."""

    name: str
    root: Path

    @property
    def dataset_dir(self) -> Path:
        return self.root / "dataset"

    @property
    def runs_dir(self) -> Path:
        return self.root / "runs"

    @property
    def jobs_dir(self) -> Path:
        """Jobs that are no bakes, such as tagging; nothing in it is needed once they are done."""
        return self.root / "jobs"

    @property
    def trash_dir(self) -> Path:
        return self.root / ".trash"

    @property
    def settings_path(self) -> Path:
        return self.root / "project.json"

    def concepts(self) -> list[str]:
        """The folders in the dataset, in natural order."""
        return _folders(self.dataset_dir)

    def concept_dir(self, concept: str) -> Path:
        return inside(self.dataset_dir, concept)

    def image_path(self, concept: str, name: str) -> Path:
        """A picture or caption of a concept; it need not exist."""
        return inside(self.dataset_dir, concept, name)

    def create_concept(self, trigger: str, repeats: int = 1) -> Path:
        """The folder `N_trigger`, made if it is missing."""
        folder = self.concept_dir(safe_name(f"{repeats}_{safe_name(trigger)}"))
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        return folder

    def import_images(self, sources: Path | Iterable[Path], concept: str) -> ImportReport:
        """Copy files, or what lies in a folder, into a concept (`5_kafka`, made if missing)."""
        folder = self.concept_dir(concept)
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        return import_images(sources, folder)

    def delete_images(self, concept: str, names: Iterable[str]) -> TrashEntry:
        """Pictures with their captions into the trash, as one step to undo."""
        chosen = [self.image_path(concept, name) for name in names]
        captions = [path.with_suffix(".txt") for path in chosen]
        paths = dict.fromkeys([*chosen, *(path for path in captions if path.exists())])
        return move_to_trash(paths, self.trash_dir)

    def runs(self) -> list[Run]:
        """All runs, in natural order of their names."""
        return [self.run(name) for name in _folders(self.runs_dir)]

    def run(self, name: str) -> Run:
        return Run(inside(self.runs_dir, name))

    def create_run(self, name: str) -> Run:
        """A new, empty run folder; `name-2`, `name-3`, … when the name is taken."""
        wanted = safe_name(name)
        self.runs_dir.mkdir(exist_ok=True)
        with folder_lock(self.runs_dir):
            free = free_name(wanted, (path.name for path in self.runs_dir.iterdir()))
            run = self.run(free)
            run.folder.mkdir()
        return run

    def jobs(self) -> list[Run]:
        """All jobs that are no bakes, the oldest first."""
        return [Run(inside(self.jobs_dir, name)) for name in _folders(self.jobs_dir)]

    def create_job(self, kind: str) -> Run:
        """A new folder `tag-1`, `tag-2`, …; of those that are over, only the last few are kept."""
        self.jobs_dir.mkdir(exist_ok=True)
        with folder_lock(self.jobs_dir):
            mine = [run for run in self.jobs() if run.name.rpartition("-")[0] == kind]
            numbers = [int(n) for run in mine if (n := run.name.rpartition("-")[2]).isdecimal()]
            for run in mine[:-_KEPT_JOBS]:
                if run.status().is_over:
                    shutil.rmtree(run.folder, ignore_errors=True)
            new = Run(inside(self.jobs_dir, f"{kind}-{max(numbers, default=0) + 1}"))
            new.folder.mkdir()
        return new

    def delete_run(self, name: str) -> TrashEntry:
        _refuse_running([self.run(name)])
        return move_to_trash(self.run(name).folder, self.trash_dir)

    def read_settings(self) -> dict[str, Any]:
        """What was chosen for this project (preset, changes to its recipe); {} at first."""
        try:
            settings = read_json(self.settings_path, limit=MAX_SETTINGS)
        except FileNotFoundError:
            return {}
        if not isinstance(settings, dict):
            raise WorkspaceError(f"{self.settings_path} is damaged. Delete it, and choose anew.")
        return settings

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        atomic_write_json(self.settings_path, dict(settings), limit=MAX_SETTINGS)


@dataclass(frozen=True)
class Workspace:
    """The folder of everything. Names from outside go in here, and paths come out."""

    root: Path

    @classmethod
    def open(cls, root: Path | None = None) -> Workspace:
        """Open it (from LORABAKE_WORKSPACE, or the usual place for user data), made if missing."""
        chosen = root or os.environ.get(VARIABLE) or platformdirs.user_data_path("lorabake", False)
        workspace = cls(expanded(chosen).absolute())
        try:
            workspace._prepare()
        except OSError as error:
            raise WorkspaceError(
                f"The workspace {workspace.root} cannot be used ({error.strerror}). "
                "Choose another folder with --workspace."
            ) from error
        return workspace

    @property
    def projects_dir(self) -> Path:
        return self.root / "projects"

    @property
    def models_dir(self) -> Path:
        return self.root / "models"

    @property
    def cache_dir(self) -> Path:
        """Only this user may look inside; everything here can be computed again."""
        return self.root / ".cache"

    @property
    def trash_dir(self) -> Path:
        return self.root / ".trash"

    @property
    def queue_dir(self) -> Path:
        return self.root / ".queue"

    @property
    def server_file(self) -> Path:
        """Where the running app writes its port and process."""
        return self.cache_dir / "server.json"

    @property
    def index(self) -> Index:
        return _index(self.cache_dir / "index.sqlite")

    def projects(self) -> list[str]:
        return _folders(self.projects_dir)

    def project(self, name: str) -> Project:
        root = inside(self.projects_dir, name)
        if not root.is_dir():
            raise WorkspaceError(f'There is no project "{shown(name)}". Choose one of the list.')
        return Project(root.name, root)

    def create_project(self, name: str) -> Project:
        name = safe_name(name)
        with self._new_project(name) as _:
            pass
        return self.project(name)

    def create_sample_project(self, source: Path, name: str = "practice") -> Project:
        """A project with copies of the pictures and captions below `source`.

        Made aside and put in place in one step; when it is already there, it is left as it is.
        """
        name = safe_name(name)
        if name_key(name) not in {name_key(other) for other in self.projects()}:
            with self._new_project(name) as folder:
                ignored = shutil.ignore_patterns(".*", "*.tmp", "__pycache__", "*.py")
                shutil.copytree(source, folder / "dataset", ignore=ignored, dirs_exist_ok=True)
        return self.project(name)

    def delete_project(self, name: str) -> TrashEntry:
        project = self.project(name)
        _refuse_running([*project.runs(), *project.jobs()])
        close_history(project.dataset_dir)
        return move_to_trash(project.root, self.trash_dir)

    def runs_dir(self, project: str) -> Path:
        return self.project(project).runs_dir

    def model_path(self, name: str) -> Path:
        """A file or folder in `models/`.

        Links are followed here, and only here: many keep their checkpoints of 7 GB on another disk.
        """
        return self.models_dir / safe_name(name)

    def job_path(self, place: str) -> Path:
        """A job's folder from its place below the workspace, as the queue writes it down."""
        names = place.split("/")
        if names[0] != "projects" or not 3 <= len(names) <= DEEPEST_JOB:
            raise BadName(f'"{shown(place)}" is not the folder of a job.')
        return inside(self.root, *names)

    def job_place(self, folder: Path) -> str:
        try:
            place = folder.absolute().relative_to(self.root).as_posix()
        except ValueError:
            raise WorkspaceError(
                f"{folder} lies outside of the workspace {self.root}, so it cannot wait in its queue."
            ) from None
        self.job_path(place)
        return place

    def _prepare(self) -> None:
        for folder in (self.projects_dir, self.models_dir, self.queue_dir):
            folder.mkdir(parents=True, exist_ok=True)
        self.cache_dir.mkdir(mode=0o700, exist_ok=True)
        with suppress(OSError):
            self.cache_dir.chmod(0o700)
        mark = self.root / "workspace.json"
        try:
            found = read_json(mark)
        except FileNotFoundError:
            atomic_write_json(mark, {"format": FORMAT})
        else:
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise WorkspaceError(
                    f"The workspace {self.root} was made by another version of lorabake. "
                    "Update lorabake, or choose another folder with --workspace."
                )
        self._sweep()

    def _sweep(self) -> None:
        """What writers that were killed left behind."""
        for folder in (self.root, self.queue_dir, self.cache_dir, self.projects_dir):
            sweep_temporaries(folder)
        for name in self.projects():
            project = Project(name, self.projects_dir / name)
            sweep_temporaries(project.root)
            for concept in project.concepts():
                sweep_temporaries(project.dataset_dir / concept)
            for folder in (project.runs_dir, project.jobs_dir):
                for run in _folders(folder):
                    sweep_temporaries(folder / run)

    def _new_project(self, name: str) -> _NewFolder:
        target = inside(self.projects_dir, name)
        return _NewFolder(target)


class _NewFolder:
    """A project made under a hidden name and renamed when it is complete."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = temporary_beside(target)

    def __enter__(self) -> Path:
        self._refuse_taken()
        (self.folder / "dataset").mkdir(parents=True)
        (self.folder / "runs").mkdir()
        return self.folder

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                with folder_lock(self.target.parent):
                    self._refuse_taken()
                    self.folder.rename(self.target)
                    sync_folder(self.target.parent)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _refuse_taken(self) -> None:
        key = name_key(self.target.name)
        if any(name_key(path.name) == key for path in self.target.parent.iterdir()):
            raise WorkspaceError(
                f'There is already a project "{shown(self.target.name)}". Choose another name.'
            )


def inside(base: Path, *names: str) -> Path:
    """`base/name/…` for names from outside; BadName for whatever would leave `base`.

    Links are refused: what they point to is not ours to write or show.
    """
    path = base
    for name in names:
        path = path / safe_name(name)
        if path.is_symlink() or getattr(path, "is_junction", bool)():
            raise BadName(
                f"{shown(name)} is a link to another place, and links are not followed. "
                "Put the real folder there, or import the pictures."
            )
    if not path.resolve().is_relative_to(base.resolve()):
        raise BadName(f"{shown(names[-1])} leads out of its folder.")
    if sys.platform == "win32" and len(str(path)) > MAX_PATH:
        raise BadName(
            f"{shown(names[-1])} makes a path too long for Windows. Choose a shorter name."
        )
    return path


def _refuse_running(runs: Iterable[Run]) -> None:
    for run in runs:
        if is_running(run):
            raise WorkspaceError(f"{run.name} is being worked on. Stop it under Baking first.")


@cache
def _index(path: Path) -> Index:
    return Index(path)


def _folders(parent: Path) -> list[str]:
    """Names of the folders inside that could have been given as names."""
    if not parent.is_dir():
        return []
    names = [
        path.name
        for path in parent.iterdir()
        if is_safe_name(path.name) and path.is_dir() and not path.is_symlink()
    ]
    return sorted(names, key=natural_key)
