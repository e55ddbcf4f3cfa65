"""The close-up: a part of one picture before and after, without anything being written to the data set.

What a model makes of it comes from a process of its own (lorabake.enhance.trial); strength and
contrast are laid over it by the page's script, so that they follow the hand.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DatasetError, ImageError
from lorabake.core.image import load_rgb
from lorabake.core.names import shown
from lorabake.enhance.needs import target_size
from lorabake.enhance.trial import Part, Trials, part_at
from lorabake.enhance.upscale import to_size, write_png
from lorabake.ui.answers import answered
from lorabake.ui.improve_choice import model_of, settings_of
from lorabake.ui.improve_view import figures, picture_of
from lorabake.ui.place import of_place, place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = re.compile(r"[0-9a-f]{24}")
_KEPT = 90  # pictures of close-ups

_trials: Trials = of_place(lambda: Trials(place().workspace))


@answered("own")
def lb_improve_close(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, x, y, values, begin, again} → {box, size, before, plain, made, running, problem}.

    x, y: the middle of the part as shares of the picture. box: [left, top, width, height] of the
    part, px; size: of it afterwards. before, plain, made: names of pictures: as it is, enlarged
    without the model, and with it ("" when it was not tried). begin: try it, unless that was done;
    again: also when it was.
    """
    project = place().project(data.get("project"))
    settings = settings_of(project, data)
    picture = picture_of(project, data)
    whole = (picture.width, picture.height)
    part = part_at(picture.path, picture.sha, whole, _share(data.get("x")), _share(data.get("y")))
    after = target_size(whole, settings, figures(project, place().shelf(project.name)).buckets)
    size = (
        max(1, round(part.width * after[0] / whole[0])),
        max(1, round(part.height * after[1] / whole[1])),
    )
    of = f"{part.sha256}|{part.left},{part.top},{part.width},{part.height}"
    answer: dict[str, Any] = {
        "box": [part.left, part.top, part.width, part.height],
        "size": list(size),
        "before": _kept(of, lambda: _pixels(part)),
        "plain": _kept(f"{of}|{size}", lambda: to_size(_pixels(part), size)),
        "made": "",
        "running": False,
        "problem": "",
    }
    model, answer["problem"] = model_of(settings)
    trials = _trials
    if model is None:
        trials.end()  # of a model that is no longer chosen
        return answer
    if data.get("again") is True:
        trials.forget(model, part)
    tried = trials.known(model, part)
    if tried is None and data.get("begin") is True:
        trials.begin(model, part)
    answer["running"] = trials.is_running(model, part)
    if tried is not None:
        answer["problem"] = tried.problem
        if (made := tried.after) is not None:
            key = f"{of}|{size}|{model.stamp}"
            answer["made"] = _kept(key, lambda: to_size(load_rgb(made), size))
    return answer


@answered("own")
def lb_improve_close_stop(data: dict[str, Any]) -> dict[str, Any]:
    """End the trial that runs; it leaves nothing."""
    _trials.end()
    return {}


def close_up(name: str) -> Path:
    """Where a picture of a close-up lies."""
    if not _NAME.fullmatch(name):
        raise DatasetError("This picture is no longer there.")
    return _folder() / f"{name}.png"


def _pixels(part: Part) -> NDArray[np.uint8]:
    """(H, W, 3) of the part as it is."""
    found = load_rgb(part.picture)[
        part.top : part.top + part.height, part.left : part.left + part.width
    ]
    if found.shape[:2] != (part.height, part.width):
        name = shown(part.picture.name)
        raise ImageError(f"{name} was changed since it was looked at. Choose it again.")
    return found


def _kept(of: str, make: Callable[[], NDArray[np.uint8]]) -> str:
    """The name of a picture that is made when it is not there; old ones go."""
    name = hashlib.sha256(of.encode()).hexdigest()[:24]
    path = _folder() / f"{name}.png"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        old = sorted(_folder().glob("*.png"), key=lambda one: one.stat().st_mtime_ns)
        for one in old[:-_KEPT]:
            one.unlink(missing_ok=True)
        write_png(path, make())
    return name


def _folder() -> Path:
    return place().workspace.cache_dir / "improving"


def _share(value: object) -> float:
    """From 0 to 1; the middle for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0.5
    return min(1.0, max(0.0, float(value)))
