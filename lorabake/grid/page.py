"""A grid as one HTML file that can be sent to a friend: axes to pick, zoom, comparing, votes.

The file needs nothing else and asks nobody: pictures are in it, and its own policy lets no other
script or style run. What comes from the grid is data, shown as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from lorabake.core.errors import GridError
from lorabake.core.files import atomic_write_bytes
from lorabake.grid.board import Board, Spot
from lorabake.grid.duels import Field, field_of, roughly
from lorabake.grid.failed import read_errors
from lorabake.grid.infotext import read_text
from lorabake.grid.xyz import open_board

PAGE = "grid.html"
MAX_PIXELS = 150_000_000  # of all pictures together: about 40 MB of WebP
QUALITY = 90

_HERE = Path(__file__).parent


def write_page(folder: Path) -> Path:
    """Write `grid.html` into a grid's folder, with all pictures there are; GridError without any."""
    board = open_board(folder)
    there = [spot for spot in board.spots if (folder / spot.name).is_file()]
    if not there:
        raise GridError("There is no picture yet. Render the grid first.")
    pixels = sum(spot.shot.width * spot.shot.height for spot in there)
    shrink = min(1.0, math.sqrt(MAX_PIXELS / pixels))
    field, errors = field_of(board), read_errors(folder)
    cells = [
        {**_cell(folder, spot, shrink, errors.get(spot.name, "")), **_compared(field, spot)}
        for spot in board.spots
    ]
    path = folder / PAGE
    atomic_write_bytes(path, _filled(_data(folder, board, field, cells)).encode("utf-8"))
    return path


def _data(folder: Path, board: Board, field: Field, cells: list[dict[str, Any]]) -> dict[str, Any]:
    labels = (board.columns, board.rows, board.sheets)
    names = (*board.axis_names, "", "", "")
    return {
        "id": folder.name,
        "title": board.title,
        "roughly": roughly(len(field.candidates)),
        "axes": [
            {"name": names[index], "values": list(values)} for index, values in enumerate(labels)
        ],
        "cells": cells,
    }


def _cell(folder: Path, spot: Spot, shrink: float, error: str) -> dict[str, Any]:
    about = {"at": [spot.x, spot.y, spot.z], "name": spot.name, "label": spot.label}
    if not (folder / spot.name).is_file():
        return {**about, "src": "", "text": "", "error": error}
    text = read_text(folder / spot.name)
    with Image.open(folder / spot.name) as opened:
        picture = opened.convert("RGB")
    if shrink < 1:
        size = (max(int(picture.width * shrink), 1), max(int(picture.height * shrink), 1))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    data = BytesIO()
    picture.save(data, format="WEBP", quality=QUALITY)
    address = "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")
    return {**about, "src": address, "text": text, "error": ""}


def _compared(field: Field, spot: Spot) -> dict[str, int | None]:
    """of: the number of what the picture shows, or None; only pictures of one scene are compared."""
    return {"of": field.place(spot.name), "scene": field.scene(spot.name)}


def _filled(data: dict[str, Any]) -> str:
    """The page with its parts. No `<` of the data can end the element it stands in."""
    style, script = (
        (_HERE / name).read_text(encoding="utf-8").strip() for name in ("page.css", "page.js")
    )
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    parts = {
        "STYLE_HASH": _hash(style),
        "SCRIPT_HASH": _hash(script),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": text,
    }
    template = (_HERE / "page.html").read_text(encoding="utf-8")
    pieces = template.split("{{")
    made = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        made += [parts[name], rest]
    return "".join(made)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
