"""The verb `grab`: what a search finds, downloaded into a folder with captions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, changes_of, stop_on_ctrl_c
from lorabake.collect.settings import CollectSettings
from lorabake.core.errors import Stopped
from lorabake.core.home import expanded
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace

_STOPPING = "Finishing this picture. Press Ctrl+C again to leave at once."
_SHOWN = 20  # pictures in the answer for a person


@app.command()
def grab(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Several with commas between.")],
    tags: Annotated[list[str], typer.Argument(metavar="TAGS")],
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Made when it is missing.")],
    concept: Annotated[
        str,
        typer.Option("--concept", help="A folder in DIR, such as 5_kafka. Default: DIR itself."),
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="0: all of them.")] = 0,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change one setting, such as rating=first."
        ),
    ] = None,
    extension: Annotated[str, typer.Option("--extension", help=".txt or .caption.")] = ".txt",
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Download what a search finds; what was fetched once is not fetched again."""
    settings = from_mapping(CollectSettings, changes_of(changes, "--set", "rating=first"))
    space = Workspace.open(workspace)
    result = _grabbed(space, site, " ".join(tags), into, concept, limit, settings, extension)
    answer(result, as_json, lambda: _lines(result, into))
    if result["stopped"]:
        raise Stopped("Stopped, as you asked. What has come is in the folder.")


def _grabbed(
    space: Workspace,
    site: str,
    text: str,
    into: Path,
    concept: str,
    limit: int,
    settings: CollectSettings,
    extension: str,
) -> dict[str, Any]:
    from lorabake.collect.job import GrabRequest, Query, caption_extension, concept_folder
    from lorabake.collect.search import PostFilters
    from lorabake.collect.sites import SITES
    from lorabake.collect.sitting import grab_into

    root = expanded(into).absolute()
    root.mkdir(parents=True, exist_ok=True)
    sites = tuple(SITES[name.strip()].name for name in site.split(","))
    request = GrabRequest(
        folder=concept and concept_folder(root, concept),
        settings=settings,
        query=Query(sites=sites, text=text, filters=PostFilters()),
        chosen=False,
        limit=limit,
        extension=caption_extension(extension),
    )
    return grab_into(space, root, request, _tell, stop_on_ctrl_c(_STOPPING))


def _lines(result: dict[str, Any], into: Path) -> list[str]:
    lines = [f"{len(result['saved'])} pictures are in {into}."]
    skipped = result["skipped"]
    lines += [f"{one['id']}: {one['reason']}" for one in skipped[:_SHOWN]]
    if len(skipped) > _SHOWN:
        lines.append(f"… and {len(skipped) - _SHOWN} more were left out")
    return lines


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
