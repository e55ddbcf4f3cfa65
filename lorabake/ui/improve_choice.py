"""What was chosen for "Improving the quality": the settings of a project, and the upscalers there are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from lorabake.core.errors import LorabakeError, ModelFileError
from lorabake.core.files import MIB
from lorabake.core.limits import limits
from lorabake.core.names import name_key, shown
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project
from lorabake.enhance.estimate import Pace, paces
from lorabake.enhance.models import (
    SUFFIXES,
    Upscaler,
    check_file,
    resolve_upscaler,
    upscaler_folder,
    upscalers,
)
from lorabake.enhance.settings import LANCZOS, OFF, EnhanceSettings
from lorabake.ui.answers import answered, text
from lorabake.ui.place import place
from lorabake.ui.recipes import size_text
from lorabake.ui.remembered import (
    differences,
    field,
    keep_settings,
    read_settings,
    widget_values,
    with_values,
)
from lorabake.ui.uploads import batch_folder
from lorabake.ui.words import span

KEY = "improving"  # in project.json
OWN = "upscaler"  # drawn as a list of models, not in the form
OF_CONTRAST = ("clip", "limit", "gamma", "curve", "saturation", "scenes")
# What people call a choice, where its name in files is another; with what it does, in a few words.
WORDS: Mapping[str, Mapping[str, str]] = {
    "fit": {
        "bucket": "Bucket: as large as its bucket needs, never smaller than it is",
        "factor": "Factor: so many times as wide and high; 1 keeps the size",
    },
    "alpha": {"keep": "stay transparent", "white": "become white"},
}


@answered("edit")
def lb_improve_set(data: dict[str, Any]) -> dict[str, Any]:
    """{project, key, value} → {values, usual}: keep one setting; `usual` takes all but the upscaler back."""
    project = place().project(data.get("project"))
    if data.get("usual") is True:
        kept = EnhanceSettings(upscaler=read_improving(project).upscaler)
    else:
        name = text(data, "key", limit=80)
        kept = with_values(read_improving(project), {name: data.get("value")})
        if name == OWN and kept.model:
            kept = with_values(kept, {OWN: resolve_upscaler(place().workspace, kept.model).name})
    keep_settings(project, KEY, kept)
    return {"values": widget_values(kept), "usual": is_usual(kept)}


@answered("own")
def lb_improve_model(data: dict[str, Any]) -> dict[str, Any]:
    """{batch} → {added: names, notes: [sentence]}: uploaded models into `models/upscalers`.

    They are looked at, never opened; what is there under the same name stays.
    """
    batch = batch_folder(text(data, "batch", limit=80))
    if not batch.is_dir():
        raise ModelFileError("Nothing arrived. Choose the file once more.")
    folder = upscaler_folder(place().workspace)
    added, notes = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {name_key(path.name) for path in folder.iterdir()}
        for path in sorted(batch.iterdir()):
            try:
                check_file(path)
            except LorabakeError as error:
                notes.append(str(error))
                continue
            if name_key(path.name) in there:
                notes.append(f"{shown(path.name)} is there already, so it was left as it is.")
                continue
            shutil.move(path, folder / path.name)
            added.append(path.name)
    except OSError as error:
        raise ModelFileError(
            f"The model could not be put into {folder} ({error.strerror}). Make room, or put it there "
            "yourself."
        ) from error
    finally:
        shutil.rmtree(batch, ignore_errors=True)
    return {"added": added, "notes": notes}


def read_improving(project: Project) -> EnhanceSettings:
    return read_settings(project, KEY, EnhanceSettings())


def settings_of(project: Project, data: dict[str, Any]) -> EnhanceSettings:
    """The project's settings with what is being moved on the page and is not saved yet."""
    return with_values(read_improving(project), data.get("values"))


def is_usual(settings: EnhanceSettings) -> bool:
    return not set(differences(settings)) - {OWN}


def describe() -> list[dict[str, Any]]:
    """The fields of the form in the order they were declared, without values."""
    return [
        {**field(spec, WORDS.get(spec.name)), "contrast": spec.name in OF_CONTRAST}
        for spec in setting_fields(EnhanceSettings)
        if spec.name != OWN
    ]


def model_of(settings: EnhanceSettings) -> tuple[Upscaler | None, str]:
    """(the chosen model or None, why it cannot be used or "")."""
    if not settings.model:
        return None, ""
    try:
        return resolve_upscaler(place().workspace, settings.model), ""
    except LorabakeError as error:
        return None, str(error)


def upscaler_rows(settings: EnhanceSettings) -> dict[str, Any]:
    """The list to choose from, and where models belong."""
    workspace = place().workspace
    measured = paces(workspace)
    rows = [
        {"name": LANCZOS, "label": "Lanczos, without a model", "facts": ""},
        {"name": OFF, "label": "None, change the contrast only", "facts": ""},
    ]
    rows += [_row(one, measured.get(one.stamp)) for one in upscalers(workspace)]
    if settings.model and settings.model not in {row["name"] for row in rows}:
        rows.append({"name": settings.model, "label": f"{settings.model} (gone)", "facts": ""})
    _, problem = model_of(settings)
    return {
        "rows": rows,
        "problem": problem,
        "folder": str(upscaler_folder(workspace)),
        "endings": list(SUFFIXES),
        "largest": limits().upload_model // MIB,
    }


def _row(one: Upscaler, pace: Pace | None) -> dict[str, Any]:
    """scale: times, as it was measured or as its name says; 0 when neither is known."""
    scale = pace.scale if pace else one.likely_scale or 0
    facts = [f"{scale}x" if scale else "", size_text(one.size / MIB)]
    facts.append("" if one.where == "workspace" else one.where)
    if pace:
        half = ", half precision" if pace.half else ""
        took = span(pace.seconds) if pace.seconds >= 10 else f"{pace.seconds:.2g} s"
        facts.append(f"{pace.architecture} on {pace.device}{half}: {took} a megapixel")
    return {
        "name": one.name,
        "label": one.name,
        "facts": " · ".join(filter(None, facts)),
        "scale": scale,
    }
