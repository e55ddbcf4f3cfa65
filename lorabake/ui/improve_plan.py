"""What an improvement will do, before it is begun: sizes, time, disk; the curve of one picture."""

from __future__ import annotations

import hashlib
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Any

from lorabake.core.buckets import Size, fit_into
from lorabake.core.dataset import DatasetImage
from lorabake.core.errors import RecipeError
from lorabake.core.files import MIB
from lorabake.core.workspace import Project
from lorabake.enhance.contrast import Curve, curve_of
from lorabake.enhance.estimate import pace_of, seconds_for
from lorabake.enhance.look import look_many
from lorabake.enhance.needs import target_size
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.sitting import scene_groups
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.improve_choice import model_of, settings_of
from lorabake.ui.improve_view import Figures, figures, picture_of
from lorabake.ui.place import of_place, place
from lorabake.ui.together import known_ids

MAX_IDS = 100_000
_A_PIXEL = 2.0  # bytes of a PNG; drawings take 1 to 2, photographs up to 3
_REMEMBERED = 8  # choices of pictures whose scenes are known

Scene = Sequence[DatasetImage]


@answered("look")
def lb_improve_plan(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, values} → what would become of these pictures; `choice` names them afterwards.

    seconds: null when the model was not measured yet. mib: of disk that it takes; free: what there is.
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    settings, found = settings_of(project, data), figures(project, shelf)
    chosen = pictures_chosen(shelf, data)
    model, problem = model_of(settings)
    choice = _remember(project, shelf, found, settings, chosen)
    target = cache(lambda size: target_size(size, settings, found.buckets))
    contrasted = _contrasted(choice, found, settings) if settings.contrast else frozenset()
    uses_model = bool(settings.model) and settings.strength > 0
    changing = [
        (size, target(size))
        for picture in chosen
        if (size := (picture.width, picture.height)) != target(size)
        or uses_model
        or picture.sha in contrasted
    ]
    larger = [(before, after) for before, after in changing if _area(after) > _area(before)]
    pace = pace_of(place().workspace, model) if model else None
    return {
        "choice": choice,
        "chosen": len(chosen),
        "changing": len(changing),
        "larger": len(larger),
        "contrasted": len(contrasted),
        "seconds": seconds_for(changing, settings, pace),
        "from": _middle([before for before, _ in larger]),
        "to": _middle([after for _, after in larger]),
        "mib": sum(width * height for _, (width, height) in changing) * _A_PIXEL / MIB,
        "free": shutil.disk_usage(project.root).free / MIB,
        "problem": problem or found.problem,
    }


@answered("look")
def lb_improve_picture(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, values, choice} → {why, target, bucket, made, curve: {table, saturation, frames} or null}.

    table: the new value of each of 256 grey levels, for every colour.
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    settings, found = settings_of(project, data), figures(project, shelf)
    picture = picture_of(project, data)
    at = next(i for i, one in enumerate(shelf.pictures) if one.id == picture.id)
    size = (picture.width, picture.height)
    answer: dict[str, Any] = {
        "why": [[need.kind, need.why] for need in found.needs[at]],
        "target": list(target_size(size, settings, found.buckets)),
        "bucket": list(fit_into(size, found.buckets).bucket) if found.buckets else None,
        "made": picture.sha in found.made,
        "curve": None,
    }
    if settings.contrast:
        curve, frames = _curve(picture, found, settings, text(data, "choice", limit=80))
        answer["curve"] = {
            "table": curve.table().tolist(),
            "saturation": curve.saturation,
            "frames": frames,
            "changes": curve.changes,
        }
    return answer


def pictures_chosen(shelf: Shelf, data: dict[str, Any]) -> list[Picture]:
    """Those of the ids that are there."""
    return [shelf.by_id[id] for id in known_ids(data, MAX_IDS) if id in shelf.by_id]


# --- which pictures share a curve ----------------------------------------------------------------

# choice → the scene of each picture by sha256; scenes are found when the choice is made, not at
# every movement of a slider.
_scenes: OrderedDict[str, dict[str, Scene]] = of_place(OrderedDict)


def _remember(
    project: Project,
    shelf: Shelf,
    found: Figures,
    settings: EnhanceSettings,
    chosen: Sequence[Picture],
) -> str:
    """A name for this choice of pictures, whose scenes are known from now on."""
    if not settings.contrast:
        return ""
    shas = ",".join(picture.sha for picture in chosen)
    told = f"{project.name}|{shelf.listing}|{len(found.looks)}|{settings.scenes}|{shas}"
    choice = hashlib.sha256(told.encode()).hexdigest()[:24]
    if choice not in _scenes:
        wanted = {picture.path for picture in chosen}
        images = [image for image in shelf.dataset.images if image.path in wanted]
        groups = scene_groups(images, found.looks, together=settings.scenes)
        _scenes[choice] = {image.sha256: group for group in groups for image in group}
    _scenes.move_to_end(choice)
    while len(_scenes) > _REMEMBERED:
        _scenes.popitem(last=False)
    return choice


def _contrasted(choice: str, found: Figures, settings: EnhanceSettings) -> frozenset[str]:
    """sha256 of the pictures whose contrast would change."""
    scenes = _scenes.get(choice, {})
    groups = {id(scene): scene for scene in scenes.values()}
    return frozenset(
        image.sha256
        for scene in groups.values()
        if _of_scene(scene, found, settings).changes
        for image in scene
    )


def _curve(
    picture: Picture, found: Figures, settings: EnhanceSettings, choice: str
) -> tuple[Curve, int]:
    """(the curve of a picture, with how many frames it shares it)."""
    scene = _scenes.get(choice, {}).get(picture.sha)
    if scene is not None and all(image.sha256 in found.looks for image in scene):
        return _of_scene(scene, found, settings), len(scene)
    looked = look_many(place().index, [(picture.sha, picture.path)])
    if picture.sha not in looked.found:
        raise RecipeError(looked.unreadable.get(picture.sha, "This picture could not be read."))
    return curve_of([looked.found[picture.sha].tones], settings), 1


def _of_scene(scene: Scene, found: Figures, settings: EnhanceSettings) -> Curve:
    return curve_of([found.looks[image.sha256].tones for image in scene], settings)


def _middle(sizes: Sequence[Size]) -> list[int]:
    """The one in the middle by pixels, px."""
    ordered = sorted(sizes, key=_area)
    return list(ordered[len(ordered) // 2]) if ordered else []


def _area(size: Size) -> int:
    return size[0] * size[1]
