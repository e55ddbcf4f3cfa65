"""Improving as a job of the queue: asked for here, done by `python -m lorabake.enhance FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core import jobs
from lorabake.core.buckets import Size
from lorabake.core.errors import DatasetError, JobError, LorabakeError, RecipeError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.core.jobs import JobView
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.workspace import Workspace
from lorabake.enhance.models import resolve_upscaler
from lorabake.enhance.settings import EnhanceSettings

KIND = "enhance"
REQUEST = "enhance.json"
MAX_IDS = 100_000
_LIMIT = 32 * MIB


@dataclass(frozen=True)
class EnhanceRequest:
    """What the job was asked for. pictures: (id, sha256): one that changed since is left alone.

    buckets: of the recipe, px, for `fit = bucket`.
    """

    settings: EnhanceSettings
    pictures: tuple[tuple[str, str], ...]
    buckets: tuple[Size, ...] = ()


def start_enhance(
    workspace: Workspace,
    project: str,
    settings: EnhanceSettings,
    pictures: Sequence[tuple[str, str]],
    buckets: Sequence[Size] = (),
    *,
    start: bool = True,
) -> JobView:
    """Queue it. pictures: (id `FOLDER/FILE.png`, sha256).

    Raises what would fail later: a model that is not here, nothing to do, one that is not over.
    """
    home = workspace.project(project)
    check_settings(workspace, settings)
    if not 0 < len(pictures) <= MAX_IDS:
        raise DatasetError("No pictures are chosen. Choose some, or take all.")
    last = enhancing_of(workspace, home.name)
    if last is not None and not last.status.is_over:
        raise JobError(f"{home.name} is being improved already. Wait until it is done, or stop it.")
    run = home.create_job(KIND)
    write_request(run.folder, EnhanceRequest(settings, tuple(pictures), tuple(buckets)))
    return jobs.enqueue(
        workspace, KIND, run.folder, f"Improving {len(pictures)} of {home.name}", start=start
    )


def check_settings(workspace: Workspace, settings: EnhanceSettings) -> None:
    """Something is to be done, and what is needed for it is here."""
    if not settings.enlarges and not settings.contrast:
        raise RecipeError("Nothing is switched on. Choose an upscaler, or change the contrast.")
    if settings.model:
        resolve_upscaler(workspace, settings.model)


def write_request(folder: Path, request: EnhanceRequest) -> None:
    record = {
        "format": 1,
        "settings": to_mapping(request.settings),
        "pictures": [list(pair) for pair in request.pictures],
        "buckets": [list(size) for size in request.buckets],
    }
    atomic_write_json(folder / REQUEST, record, limit=_LIMIT)


def read_request(folder: Path) -> EnhanceRequest:
    """What `start_enhance` wrote; JobError when the folder holds something else."""
    try:
        record: Any = read_json(folder / REQUEST, limit=_LIMIT)
        return EnhanceRequest(
            settings=from_mapping(EnhanceSettings, record["settings"], where="enhance"),
            pictures=tuple((str(name), str(sha)) for name, sha in record["pictures"]),
            buckets=tuple((int(width), int(height)) for width, height in record["buckets"]),
        )
    except (OSError, LorabakeError, KeyError, TypeError, ValueError) as error:
        raise JobError(f"{folder.name} is no improvement ({error}). Start a new one.") from error


def enhancing_of(workspace: Workspace, project: str) -> JobView | None:
    """The improvement of this project that waits, runs, or was the last one."""
    mine = [view for view in jobs.jobs(workspace) if view.kind == KIND and view.project == project]
    return next((view for view in mine if not view.status.is_over), mine[0] if mine else None)
