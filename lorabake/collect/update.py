"""What boards have got since the last time: the searches of a data set, once more."""

from __future__ import annotations

from typing import Any

from lorabake.collect.job import Query, filters_of, start_grab
from lorabake.collect.settings import CollectSettings
from lorabake.core.errors import JobError
from lorabake.core.jobs import JobView
from lorabake.core.settings import from_mapping, setting_fields
from lorabake.core.sources import Asked, Sources
from lorabake.core.workspace import Project, Workspace


def to_update(project: Project) -> list[Asked]:
    """The searches that an update would repeat, the latest first."""
    return [asked for asked in Sources.open(project.dataset_dir).searches() if asked.last]


def update_grab(
    workspace: Workspace, project: str, *, extension: str = ".txt", start: bool = True
) -> list[JobView]:
    """Queue each search of this project again, for posts that are newer than what it has seen."""
    searches = to_update(workspace.project(project))
    if not searches:
        raise JobError(
            "Nothing was downloaded from a search yet, so there is nothing to update. Search first."
        )
    return [
        start_grab(
            workspace,
            project,
            asked.folder,
            query=Query(sites=asked.sites, text=asked.text, filters=filters_of(asked.filters)),
            settings=_settings(asked.settings),
            since=asked.last,
            extension=extension,
            start=start,
        )
        for asked in searches
    ]


def _settings(record: Any) -> CollectSettings:
    known = {field.name for field in setting_fields(CollectSettings)}
    return from_mapping(CollectSettings, {k: v for k, v in record.items() if k in known})
