"""The verb `search`: how much a board has, and its posts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app
from lorabake.core.workspace import Workspace

_SHOWN = 20  # posts in the answer for a person


@app.command()
def search(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Several with commas between.")],
    tags: Annotated[list[str], typer.Argument(metavar="TAGS")],
    limit: Annotated[int, typer.Option("--limit", min=0, max=100_000)] = 40,
    min_side: Annotated[int, typer.Option("--min-side", min=0, help="px")] = 0,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Search a booru, or several at once; TAGS as the board writes them. Options come before SITE
    when a tag begins with "-", and "--" stands before it."""
    from lorabake.collect.search import PostFilters, Search
    from lorabake.collect.sites import SITES

    space = Workspace.open(workspace)
    sites = [SITES[name.strip()].name for name in site.split(",")]
    found = Search(space, sites, " ".join(tags), PostFilters(min_side=min_side))
    counts = found.count()
    posts = list(found.iterate(limit))
    page = found.page(0, 1)
    known = [count for count in counts.values() if count is not None]
    result: dict[str, Any] = {
        "count": sum(known) if known else None,
        "counts": counts,
        "sent": {name: part.sent for name, part in found.splits.items()},
        "here": {name: list(part.here) for name, part in found.splits.items()},
        "notes": list(page.notes),
        "posts": [{**asdict(post), "url": post.file_url} for post in posts],
    }
    answer(result, as_json, lambda: _lines(result))


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {'an unknown number of' if count is None else f'{count:,}'} posts"
        for name, count in result["counts"].items()
    ]
    lines += result["notes"]
    for post in result["posts"][:_SHOWN]:
        what = post["refused"] or f"{post['width']} × {post['height']} px, {post['rating']}"
        lines.append(f"{post['site']} {post['id']}: {what}  {post['page_url']}")
    left = len(result["posts"]) - _SHOWN
    return lines + ([f"… and {left} more"] if left > 0 else [])
