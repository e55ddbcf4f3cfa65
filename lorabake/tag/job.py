"""Tagging as a job of the queue: asked for here, done by `python -m lorabake.tag FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.errors import DatasetError, JobError, LorabakeError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.core.jobs import JobView
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.workspace import Project, Workspace
from lorabake.tag.select import single_thresholds
from lorabake.tag.settings import TagSettings
from lorabake.tag.taggers import chosen_names, resolve_tagger

KIND = "tag"
REQUEST = "tag.json"
MAX_IDS = 100_000
_LIMIT = 32 * MIB
_EXTENSIONS = (".txt", ".caption")


@dataclass(frozen=True)
class TagRequest:
    """What the job was asked for. taggers: their names; ids: None for all pictures."""

    settings: TagSettings
    taggers: tuple[str, ...]
    ids: tuple[str, ...] | None = None
    write: bool = True
    extension: str = ".txt"


def start_tagging(
    workspace: Workspace,
    project: str,
    settings: TagSettings,
    ids: Sequence[str] | None = None,
    write: bool = True,
    *,
    extension: str = ".txt",
    start: bool = True,
) -> JobView:
    """Queue it: score pictures that have no probabilities yet, then (write) merge into captions.

    Raises what would fail later: a tagger that is not here, a project without pictures, a tagging
    of this project that is not over.
    """
    home = workspace.project(project)
    names = chosen_names(workspace, settings.taggers)
    for name in names:
        resolve_tagger(workspace, name)
    single_thresholds(settings)
    request = TagRequest(
        settings,
        tuple(names),
        None if ids is None else tuple(ids),
        write,
        caption_extension(extension),
    )
    if ids is not None and not 0 < len(ids) <= MAX_IDS:
        raise DatasetError("No pictures are chosen. Choose some, or take all.")
    _refuse_second(workspace, home)
    run = home.create_job(KIND)
    write_request(run.folder, request)
    return jobs.enqueue(workspace, KIND, run.folder, f"Tagging {home.name}", start=start)


def write_request(folder: Path, request: TagRequest) -> None:
    record = {
        "format": 1,
        "settings": to_mapping(request.settings),
        "taggers": list(request.taggers),
        "ids": None if request.ids is None else list(request.ids),
        "write": request.write,
        "extension": request.extension,
    }
    atomic_write_json(folder / REQUEST, record, limit=_LIMIT)


def read_request(folder: Path) -> TagRequest:
    """What `start_tagging` wrote; JobError when the folder holds something else."""
    try:
        record: Any = read_json(folder / REQUEST, limit=_LIMIT)
        ids = record["ids"]
        return TagRequest(
            settings=from_mapping(TagSettings, record["settings"], where="tag"),
            taggers=tuple(map(str, record["taggers"])),
            ids=None if ids is None else tuple(map(str, ids)),
            write=bool(record["write"]),
            extension=caption_extension(record["extension"]),
        )
    except (OSError, LorabakeError, KeyError, TypeError) as error:
        raise JobError(f"{folder.name} is no tagging ({error}). Start a new one.") from error


def tagging_of(workspace: Workspace, project: str) -> JobView | None:
    """The tagging of this project that waits, runs, or was the last one."""
    mine = [view for view in jobs.jobs(workspace) if view.kind == KIND and view.project == project]
    return next((view for view in mine if not view.status.is_over), mine[0] if mine else None)


def _refuse_second(workspace: Workspace, home: Project) -> None:
    last = tagging_of(workspace, home.name)
    if last is not None and not last.status.is_over:
        raise JobError(f"{home.name} is being tagged already. Wait until it is done, or stop it.")


def caption_extension(text: object) -> str:
    """`.txt` or `.caption`; DatasetError for anything else."""
    if text not in _EXTENSIONS:
        raise DatasetError(f"Captions end with {' or '.join(_EXTENSIONS)}, not {str(text)[:20]!r}.")
    return str(text)
