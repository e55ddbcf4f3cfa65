"""What "Curating" shows: every picture with its figures, flags and marks; the meter of what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any

from lorabake.core.angles import missing, untagged
from lorabake.core.buckets import Fit, Size
from lorabake.core.errors import DatasetError, LorabakeError, RecipeError
from lorabake.core.marks import read_marks
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project
from lorabake.curate.crop import MARKS as CROPS
from lorabake.curate.flags import KINDS, TITLES, Flag, Norms, Room, flags, norms, room
from lorabake.curate.measures import Measures, kept_measures
from lorabake.curate.settings import CurateSettings
from lorabake.recipe.plan import fit_of
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import read_chosen, update_settings
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.curate_measuring import measuring
from lorabake.ui.form import from_widget
from lorabake.ui.place import of_place, place

KEY = "curating"  # in project.json
STARS, KEPT = "stars", "kept"  # marks by content
MAX_UNREADABLE = 20


@dataclass(frozen=True)
class Figures:
    """What is known of the pictures, in the order of the shelf. fits: size → how much is used."""

    measures: Sequence[Measures | None]
    flags: Sequence[tuple[Flag, ...]]
    fits: Callable[[Size], Room] | None
    usual: Norms

    @property
    def flagged(self) -> int:
        return sum(map(bool, self.flags))


@answered("look")
def lb_curating(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {version, listing, folders, rows, kinds, missing, untagged, settings, …}.

    A row: [folder number, name, sha256, width, height, flags as bits in the order of `kinds`,
    enlarged ×100 or 0, [blur, brightness, contrast, saturation] or null, starred, kept, boxes].
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    found = figures(project, shelf)
    folders = [concept.folder.name for concept in shelf.dataset.concepts]
    numbers = {name: i for i, name in enumerate(folders)}
    root = project.dataset_dir
    stars, kept, crops = (read_marks(root, name) for name in (STARS, KEPT, CROPS))
    rows = [
        [
            *(numbers[p.folder], p.path.name, p.sha, p.width, p.height),
            sum(1 << KINDS.index(flag.kind) for flag in raised),
            ceil(found.fits((p.width, p.height)).enlarged * 100) if found.fits else 0,
            [m.blur, m.brightness, m.contrast, m.saturation] if m else None,
            *(int(p.sha in stars), int(p.sha in kept), _count(crops.get(p.sha))),
        ]
        for p, raised, m in zip(shelf.pictures, found.flags, found.measures, strict=True)
    ]
    captions = [picture.tags for picture in shelf.pictures]
    _shown[project.name] = shelf.by_id
    return {
        "version": shelf.version,
        "listing": shelf.listing,
        "folders": folders,
        "rows": rows,
        "kinds": [[kind, TITLES[kind]] for kind in KINDS],
        "missing": [
            {"group": n.group, "kind": n.kind, "have": n.have, "advised": n.advised}
            | {"sentence": n.sentence}
            for n in missing(captions)
        ],
        "untagged": untagged(captions) if captions else "",
        "form": _form(read_settings(project)),
    }


@answered("look")
def lb_curate_measuring(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {running, done, total, tick, problem, unreadable}; begins with what is new."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    measuring.begin(project.name, shelf)
    named = [
        [shelf.by_sha[sha].id, sentence]
        for sha, sentence in measuring.unreadable.items()
        if sha in shelf.by_sha
    ]
    return {
        "running": measuring.running,
        "done": measuring.done,
        "total": measuring.total,
        "tick": list(measuring.tick),
        "problem": measuring.problem,
        "unreadable": named[:MAX_UNREADABLE],
        "unreadable_count": len(named),
    }


@answered("look")
def lb_curate_look(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id} → {flags: [[kind, title, why]], shown, bucket, enlarged, tags, bytes}."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    found = figures(project, shelf)
    wanted = picture_of(project, data)
    at = next(i for i, one in enumerate(shelf.pictures) if one.id == wanted.id)
    fits = found.fits((wanted.width, wanted.height)) if found.fits else None
    return {
        "flags": [[flag.kind, flag.title, flag.why] for flag in found.flags[at]],
        "room": room_row(fits),
        "usual": found.usual.blur,
        "tags": list(wanted.tags),
        "bytes": wanted.path.stat().st_size if wanted.path.exists() else 0,
    }


@answered("edit")
def lb_curate_set(data: dict[str, Any]) -> dict[str, Any]:
    """{project, key, value} → {form}: keep one setting of the flags."""
    project = place().project(data.get("project"))
    changed = _with_value(read_settings(project), text(data, "key", limit=80), data.get("value"))
    usual = CurateSettings()
    kept = {
        spec.name: getattr(changed, spec.name)
        for spec in setting_fields(CurateSettings)
        if getattr(changed, spec.name) != getattr(usual, spec.name)
    }
    update_settings(project, **{KEY: kept})
    return {"form": _form(changed)}


def figures(project: Project, shelf: Shelf) -> Figures:
    """Measures and flags of all pictures; computed anew only when something they come from changed."""
    recipe, settings = read_chosen(project).recipe, read_settings(project)
    key = (shelf.version, shelf.listing, measuring.tick, recipe.general, recipe.bucket, settings)
    known = _known.get(project.name)
    if known is not None and known[0] == key:
        return known[1]
    kept = kept_measures(place().index, [picture.sha for picture in shelf.pictures])
    usual = norms(kept.values())
    try:
        fit: Callable[[Size], Fit] | None = cache(fit_of(recipe))
    except LorabakeError:  # "Preparing the oven" says what is wrong with the recipe
        fit = None
    measures = [kept.get(picture.sha) for picture in shelf.pictures]
    raised = [
        flags(
            (picture.width, picture.height),
            measured,
            picture.tags,
            fit=fit,
            usual=usual,
            resolution=recipe.general.resolution,
            settings=settings,
        )
        for picture, measured in zip(shelf.pictures, measures, strict=True)
    ]
    fits = cache(lambda size: room(size, fit)) if fit else None
    found = Figures(measures, raised, fits, usual)
    _known[project.name] = (key, found)
    return found


_known: dict[str, tuple[Any, Figures]] = of_place(dict)


def flagged(project: str, shelf: Shelf) -> int | None:
    """How many pictures have a flag, as far as that was looked at; None when it was not."""
    known = _known.get(project)
    return known[1].flagged if known and known[0][1] == shelf.listing else None


def picture_of(project: Project, data: dict[str, Any]) -> Picture:
    """The picture that the page means."""
    found = place().shelf(project.name).by_id.get(text(data, "id", limit=1000))
    if found is None:
        raise DatasetError("This picture is no longer there. It may have been moved or renamed.")
    return found


_shown: dict[str, dict[str, Picture]] = of_place(dict)


def pictures_shown(project: Project, ids: Sequence[str]) -> list[Picture]:
    """Those of the ids that are there, as the page saw them last.

    The folders are not scanned for it: that would take longer than what is done with each picture,
    and after each picture that goes it would have to be done again.
    """
    known = _shown.get(project.name, {})
    if all(id in known and known[id].path.exists() for id in ids):
        return [known[id] for id in ids]
    now = place().shelf(project.name).by_id
    return [now[id] for id in ids if id in now]


def room_row(fits: Room | None) -> dict[str, Any] | None:
    if fits is None:
        return None
    return {"shown": fits.shown, "bucket": fits.bucket, "enlarged": round(fits.enlarged, 3)}


def read_settings(project: Project) -> CurateSettings:
    """What the project remembers; a value that no longer fits is the usual one."""
    saved = project.read_settings().get(KEY)
    settings = CurateSettings()
    for name, value in (saved if isinstance(saved, dict) else {}).items():
        try:
            settings = _with_value(settings, name, value)
        except LorabakeError:  # written by another version, or by hand
            continue
    return settings


def _with_value(settings: CurateSettings, name: str, value: object) -> CurateSettings:
    for spec in setting_fields(CurateSettings):
        if spec.name == name:
            changes: dict[str, Any] = {name: from_widget(spec, value)}
            return replace(settings, **changes)
    raise RecipeError("This setting is no longer there. Reload the page.")


def _form(settings: CurateSettings) -> list[dict[str, Any]]:
    return [
        {
            "key": spec.name,
            "label": spec.label,
            "help": spec.help,
            "unit": spec.unit,
            "low": spec.minimum,
            "high": spec.maximum,
            "usual": spec.default,
            "value": getattr(settings, spec.name),
        }
        for spec in setting_fields(CurateSettings)
    ]


def _count(kept: object) -> int:
    return len(kept) if isinstance(kept, list) else 0
