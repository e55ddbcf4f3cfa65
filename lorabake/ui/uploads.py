"""Files the page sends, one request each, into a private folder until they are imported."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.limits import limits
from lorabake.core.names import safe_name
from lorabake.ui.place import place

_BATCH = re.compile(r"[0-9]{8,60}")


def batch_folder(batch: str) -> Path:
    """Where the files of one drop wait; the page chose the number, so it is only digits."""
    if not _BATCH.fullmatch(batch):
        raise WorkspaceError("This upload is not one of ours. Choose the pictures once more.")
    return place().workspace.cache_dir / "uploads" / batch


async def upload(request: Request) -> Response:
    """PUT /lorabake/upload/{batch}?name=…: the body is the file."""
    try:
        folder = batch_folder(request.path_params["batch"])
        name = safe_name(request.query_params.get("name", ""))
        most = limits().upload_bytes(name)
        told = request.headers.get("content-length", "")
        coming = int(told) if told.isdecimal() else most
        room = partial(limits().require_room, place().workspace.root, min(coming, most))
        await anyio.to_thread.run_sync(room)
    except LorabakeError as error:
        return PlainTextResponse(str(error), 400)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sum(1 for _ in folder.iterdir()) >= limits().upload_files:
        return PlainTextResponse(f"more than {limits().upload_files} files at once", 413)
    target = folder / name
    if told.isdecimal() and int(told) > most:
        return PlainTextResponse("too large", 413)
    size = 0
    try:
        with target.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise ClientDisconnect
                file.write(chunk)
    except FileExistsError:
        return PlainTextResponse("there are two files of this name", 409)
    except ClientDisconnect:
        target.unlink(missing_ok=True)
        return PlainTextResponse("too large or broken off", 413)
    except OSError as error:
        target.unlink(missing_ok=True)
        return PlainTextResponse(f"could not be written: {error.strerror}", 507)
    return PlainTextResponse("ok")
