"""Painting over a signature: strokes of the page become a mask, the result is shown before it is taken."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DatasetError
from lorabake.core.workspace import Project
from lorabake.curate.applying import replace_pixels, write_png
from lorabake.curate.erase import METHODS, TELEA, erase, inpaint_models, mask_from_boxes
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture
from lorabake.ui.curate_do import image_of
from lorabake.ui.curate_view import picture_of
from lorabake.ui.editing import told
from lorabake.ui.place import of_place, place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_POINTS = 20_000
MAX_BOXES = 200
MAX_RADIUS = 500  # px
AROUND = 24  # px shown around what was painted
WORDS = {"telea": "Smooth (Telea)", "ns": "Lines go on (Navier-Stokes)"}


@dataclass(frozen=True)
class Painted:
    """A result that was looked at. key: of what it was made."""

    key: object
    pixels: NDArray[np.uint8]


_last: dict[str, Painted] = of_place(dict)  # one, under ""
_lock = threading.Lock()


@answered("own")
def lb_curate_erasers(_: dict[str, Any]) -> dict[str, Any]:
    """{} → {methods: [[name, label]], folder}: OpenCV's two, and the user's models."""
    workspace = place().workspace
    models = [[path.name, path.stem] for path in inpaint_models(workspace)]
    return {
        "methods": [*([name, WORDS[name]] for name in METHODS), *models],
        "folder": str(workspace.models_dir / "inpainting"),
    }


@answered("own")
def lb_curate_paint(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, strokes, boxes, method} → {name, left, top, width, height}: the part that changes.

    strokes: [{radius, points: [[x, y]]}], boxes: [[left, top, width, height]], px of the picture.
    """
    project = place().project(data.get("project"))
    picture = picture_of(project, data)
    mask = _mask(data, (picture.width, picture.height))
    pixels = _painted(picture, mask, _method(data))
    left, top, right, bottom = _around(mask)
    name = secrets.token_hex(8)
    write_png(_preview_path(name), pixels[top:bottom, left:right])
    return {"name": name, "left": left, "top": top, "width": right - left, "height": bottom - top}


@answered("own")
def lb_curate_erase(data: dict[str, Any]) -> dict[str, Any]:
    """The same question → what was done: the result takes the picture's place."""
    project: Project = place().project(data.get("project"))
    picture = picture_of(project, data)
    mask = _mask(data, (picture.width, picture.height))
    pixels = _painted(picture, mask, _method(data))
    title = f"Paint over {picture.path.name}"
    outcome = replace_pixels(project.dataset_dir, image_of(project, picture), pixels, title)
    return {**told(project.name, outcome), "id": f"{picture.folder}/{picture.path.stem}.png"}


def preview(name: str) -> Path:
    """Where the part that was painted last lies."""
    if len(name) != 16 or not all(letter in "0123456789abcdef" for letter in name):
        raise DatasetError("This picture is no longer there.")
    return _folder() / f"{name}.png"


def _folder() -> Path:
    return place().workspace.cache_dir / "curating"


def _preview_path(name: str) -> Path:
    """A new file; the ones before it are of no use any more."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    old = sorted(folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    for path in old[:-8]:
        path.unlink(missing_ok=True)
    return folder / f"{name}.png"


def _painted(picture: Picture, mask: NDArray[np.bool_], method: str) -> NDArray[np.uint8]:
    """What was shown is what is taken: the last result is not computed twice."""
    key = (picture.sha, method, mask.tobytes())
    with _lock:
        last = _last.get("")
        if last is None or last.key != key:
            last = _last[""] = Painted(key, erase(picture.path, mask, method))
        return last.pixels


def _method(data: dict[str, Any]) -> str:
    wanted = text(data, "method", limit=300) or TELEA
    if wanted in METHODS:
        return wanted
    for path in inpaint_models(place().workspace):
        if path.name == wanted:
            return str(path)
    raise DatasetError("This model is no longer in the folder. Choose another one.")


def _mask(data: dict[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = mask_from_boxes(_boxes(data.get("boxes")), size)
    left = MAX_POINTS
    strokes = data.get("strokes")
    for stroke in strokes if isinstance(strokes, list) else ():
        if not isinstance(stroke, dict):
            continue
        points = _points(stroke.get("points"))[:left]
        left -= len(points)
        radius = stroke.get("radius")
        if isinstance(radius, int | float) and points:
            _stroke(mask, points, float(min(max(radius, 0.5), MAX_RADIUS)))
    return mask


def _stroke(mask: NDArray[np.bool_], points: list[tuple[float, float]], radius: float) -> None:
    """Mark what is within `radius` px of the line through the points."""
    import numpy as np

    height, width = mask.shape
    for (x, y), (u, v) in zip(points, [*points[1:], points[-1]], strict=True):
        left, right = int(max(0, min(x, u) - radius)), int(min(width, max(x, u) + radius + 2))
        top, bottom = int(max(0, min(y, v) - radius)), int(min(height, max(y, v) + radius + 2))
        if left >= right or top >= bottom:
            continue
        rows, columns = np.mgrid[top:bottom, left:right] + 0.5
        long = (u - x) ** 2 + (v - y) ** 2
        along = ((columns - x) * (u - x) + (rows - y) * (v - y)) / long if long else 0.0 * rows
        along = along.clip(0, 1)
        away = (columns - x - along * (u - x)) ** 2 + (rows - y - along * (v - y)) ** 2
        mask[top:bottom, left:right] |= away <= radius * radius


def _around(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return (
        max(0, int(columns[0]) - AROUND),
        max(0, int(rows[0]) - AROUND),
        min(width, int(columns[-1]) + 1 + AROUND),
        min(height, int(rows[-1]) + 1 + AROUND),
    )


def _boxes(listed: object) -> list[tuple[int, int, int, int]]:
    found = []
    for one in listed[:MAX_BOXES] if isinstance(listed, list) else ():
        numbers = _numbers(one)
        if len(numbers) == 4:
            left, top, width, height = map(round, numbers)
            found.append((left, top, width, height))
    return found


def _points(listed: object) -> list[tuple[float, float]]:
    pairs = (_numbers(one) for one in (listed if isinstance(listed, list) else ())[:MAX_POINTS])
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _numbers(one: object) -> list[float]:
    """Numbers of a list, none of them far away; [] when it is anything else."""
    if not isinstance(one, list) or not all(isinstance(value, int | float) for value in one):
        return []
    return [float(min(max(value, -1e5), 1e5)) for value in one if value == value]


CALLS = (lb_curate_erasers, lb_curate_paint, lb_curate_erase)
