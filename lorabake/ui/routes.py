"""The page's own routes: who am I, thumbnails, large pictures, cells of a grid, samples,
settings, uploads.

What is sent are re-encoded pictures with a fixed type, never the files somebody downloaded: an SVG
or HTML file under this address would be a script of this page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lorabake import __version__
from lorabake.core.errors import LorabakeError
from lorabake.ui import (
    bakes,
    concept_view,
    curate_erase,
    dup_bin,
    exchanging,
    grab_seen,
    grids,
    improve_close,
)
from lorabake.ui.language import content
from lorabake.ui.place import place
from lorabake.ui.roles import Right, needs, refusal, who
from lorabake.ui.uploads import upload

THUMBNAIL = 264  # px: twice the cell of the picture grid, for sharp screens
LARGE = 1280
PREVIEWS = 6  # of boards, fetched at once
WHOLE = 4096  # for who looks at single pixels
FOREVER = "private, max-age=31536000, immutable"


async def identity(_: Request) -> Response:
    """The launcher asks this to find a page that already runs."""
    return JSONResponse({"app": "lorabake", "version": __version__})


async def language(request: Request) -> Response:
    """The page's words in another language; the address changes with them."""
    try:
        found = content(request.path_params["code"])
    except LorabakeError as error:
        return PlainTextResponse(str(error), 404)
    return Response(found, media_type="application/json", headers={"cache-control": FOREVER})


def picture(side: int) -> Callable[[Request], Awaitable[Response]]:
    """A picture of a project, named by its hash, with at most `side` px a side."""

    async def send(request: Request) -> Response:
        project, sha = request.path_params["project"], request.path_params["sha"]
        return await _file(lambda: _small(project, sha, side), "image/webp")

    return send


async def cell(request: Request) -> Response:
    """One picture of a grid, as it was rendered; its folder's name stands for its content."""
    return await _file(lambda: grids.cell_path(**request.path_params), "image/png")


async def small_cell(request: Request) -> Response:
    """The same for the table: a thumbnail when it is large."""
    return await _file(lambda: grids.small_cell_path(**request.path_params), None)


async def sheet(request: Request) -> Response:
    """The grid as one picture, with the settings inside."""
    return await _file(
        lambda: grids.sheet_path(**request.path_params), "image/png", cache="no-cache"
    )


async def sub_sheet(request: Request) -> Response:
    """The sheet of one value of Z alone."""
    return await _file(
        lambda: grids.sub_sheet_path(**request.path_params), "image/png", cache="no-cache"
    )


async def grid_page(request: Request) -> Response:
    """The page for a friend as a download: it would be another page's script under this address."""
    run, grid = request.path_params["run"], request.path_params["grid"]
    answer = await _file(
        lambda: grids.page_path(**request.path_params), "text/html", cache="no-store"
    )
    if answer.status_code == 200:
        name = quote(f"{run} {grid}.html")
        answer.headers["content-disposition"] = f"attachment; filename*=utf-8''{name}"
    return answer


async def sample(request: Request) -> Response:
    """One picture that was drawn while it baked. A resumed bake may draw it again."""
    return await _file(
        lambda: bakes.sample_path(**request.path_params), "image/png", cache="no-cache"
    )


async def small_sample(request: Request) -> Response:
    """The same for the strip."""
    return await _file(
        lambda: bakes.small_sample_path(**request.path_params), None, cache="no-cache"
    )


async def binned(request: Request) -> Response:
    """A small copy of a picture in the bin; another one may come under its name."""
    project, key = request.path_params["project"], request.path_params["key"]
    return await _file(
        lambda: dup_bin.bin_thumbnail(project, key, THUMBNAIL), "image/webp", cache="no-cache"
    )


async def painted(request: Request) -> Response:
    """The part of a picture that was painted over, to be looked at before it is taken."""
    return await _file(lambda: curate_erase.preview(**request.path_params), "image/png")


async def improved(request: Request) -> Response:
    """A part of a picture before or after an improvement; its name stands for its content."""
    return await _file(lambda: improve_close.close_up(**request.path_params), "image/png")


def board_preview(*, large: bool) -> Callable[[Request], Awaitable[Response]]:
    """A post that a search has shown, as its board previews it; the browser itself asks no board.

    Nothing (204) when the board has none to give: the page says so itself.
    """

    async def send(request: Request) -> Response:
        site, number = request.path_params["site"], request.path_params["number"]
        find = partial(grab_seen.preview_path, site, number, large=large)
        answer = await _file(find, "image/webp", limiter=_boards())
        return answer if answer.status_code == 200 else Response(status_code=204)

    return send


async def settings_file(request: Request) -> Response:
    """The project's settings as a download, in one of the forms of `exchanging.KINDS`."""
    try:
        name, content = await anyio.to_thread.run_sync(
            lambda: exchanging.settings_file(**request.path_params)
        )
    except LorabakeError as error:
        return PlainTextResponse(str(error), 404)
    headers = {
        "content-disposition": f"attachment; filename*=utf-8''{quote(name)}",
        "cache-control": "no-store",
    }
    return Response(content, media_type="application/toml", headers=headers)


@cache
def _boards() -> anyio.CapacityLimiter:
    """Few boards' pictures at once: boards are slow, and the page has other things to answer."""
    return anyio.CapacityLimiter(PREVIEWS)


async def _file(
    find: Callable[[], Path],
    kind: str | None,
    *,
    cache: str = FOREVER,
    limiter: anyio.CapacityLimiter | None = None,
) -> Response:
    """The file that `find` names, or the sentence why there is none."""
    try:
        path = await anyio.to_thread.run_sync(find, limiter=limiter)
    except LorabakeError as error:
        return PlainTextResponse(str(error), 404)
    except OSError:
        return PlainTextResponse("This picture is no longer there.", 404)
    if not path.is_file():
        return PlainTextResponse("This picture is not there yet.", 404)
    kind = kind or ("image/webp" if path.suffix == ".webp" else "image/png")
    return FileResponse(path, media_type=kind, headers={"cache-control": cache})


def _small(project: str, sha: str, side: int) -> Path:
    found = place().shelf(project).by_sha.get(sha)
    path = found.path if found else concept_view.file_of(place().project(project), sha)
    if path is None:
        raise LorabakeError("This picture is no longer there.")
    return place().index.thumbnail(path, side)


def route(
    right: Right, path: str, answer: Callable[[Request], Awaitable[Response]], method: str = "GET"
) -> Route:
    """A route of ours with the right that it needs."""

    async def allowed(request: Request) -> Response:
        if not who().may(right):
            return PlainTextResponse(str(refusal(who(), right)["error"]), 403)
        return await answer(request)

    return Route(path, needs(right)(allowed), methods=[method])


def routes() -> list[Route]:
    """They come before Gradio's own."""
    return [
        route("look", "/lorabake/id", identity),
        route("look", "/lorabake/language/{code}-{version}.json", language),
        route("look", "/lorabake/thumb/{project}/{sha}", picture(THUMBNAIL)),
        route("look", "/lorabake/image/{project}/{sha}", picture(LARGE)),
        route("look", "/lorabake/whole/{project}/{sha}", picture(WHOLE)),
        route("look", "/lorabake/painted/{name}", painted),
        route("look", "/lorabake/improved/{name}", improved),
        route("look", "/lorabake/bin/{project}/{key:path}", binned),
        route("look", "/lorabake/cell/{project}/{run}/{grid}/{name}", cell),
        route("look", "/lorabake/small-cell/{project}/{run}/{grid}/{name}", small_cell),
        route("look", "/lorabake/sheet/{project}/{run}/{grid}", sheet),
        route("look", "/lorabake/sheet/{project}/{run}/{grid}/{z:int}", sub_sheet),
        route("look", "/lorabake/grid-page/{project}/{run}/{grid}", grid_page),
        route("look", "/lorabake/sample/{project}/{run}/{name}", sample),
        route("look", "/lorabake/small-sample/{project}/{run}/{name}", small_sample),
        # A board is asked for these, which is what a network is needed for.
        route("own", "/lorabake/board/{site}/{number}", board_preview(large=False)),
        route("own", "/lorabake/board-large/{site}/{number}", board_preview(large=True)),
        route("edit", "/lorabake/settings/{project}/{kind}", settings_file),
        route("upload", "/lorabake/upload/{batch}", upload, "PUT"),
    ]
