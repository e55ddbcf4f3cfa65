"""Sets of operations under a name, and the same operations in another project."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from lorabake.captions.recipes import delete_recipe, load_recipe, recipe_names, save_recipe
from lorabake.captions.settings import ProcessSettings
from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.files import TrashEntry, restore
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, text
from lorabake.ui.place import of_place, place
from lorabake.ui.processing_do import past
from lorabake.ui.processing_form import (
    describe,
    read_values,
    remember,
    remembered,
    to_widgets,
)

MAX_NAME = 100
_deleted: OrderedDict[str, TrashEntry] = of_place(OrderedDict)


@answered("look")
def lb_process(data: dict[str, Any]) -> dict[str, Any]:
    """Everything the section shows at first: form, values, saved sets, history."""
    project = place().project(data.get("project"))
    settings, words = remembered(project)
    shelf = place().shelf(project.name)
    return {
        "groups": describe() if data.get("form") is True else None,
        "values": to_widgets(settings),
        "scope": {"kind": "filter" if words else "all", "filter": words},
        "all": len(shelf.by_id),
        "version": shelf.version,
        "recipes": recipes(project),
        "past": past(project),
    }


@answered("edit")
def lb_process_save(data: dict[str, Any]) -> dict[str, Any]:
    """Save what is typed under a name."""
    project = place().project(data.get("project"))
    name = save_recipe(place().workspace, text(data, "name", limit=MAX_NAME), _typed(data))
    return {"said": f"Saved as {name}.", "name": name, "recipes": recipes(project)}


@answered("edit")
def lb_process_load(data: dict[str, Any]) -> dict[str, Any]:
    """Take a saved set into the fields; nothing is written to captions yet."""
    project = place().project(data.get("project"))
    name = text(data, "name", limit=MAX_NAME)
    settings = load_recipe(place().workspace, name)
    return _filled(project, settings, f"The fields are those of {name}.", name)


@answered("edit")
def lb_process_clear(data: dict[str, Any]) -> dict[str, Any]:
    """All fields as they were at first."""
    project = place().project(data.get("project"))
    return _filled(project, ProcessSettings(), "All fields are as they were at first.", "")


@answered("own")
def lb_process_delete(data: dict[str, Any]) -> dict[str, Any]:
    """Move a saved set to the bin; `deleted` brings it back with lb_process_restore."""
    project = place().project(data.get("project"))
    name = text(data, "name", limit=MAX_NAME)
    entry = delete_recipe(place().workspace, name)
    _deleted[entry.folder.name] = entry
    while len(_deleted) > 20:
        _deleted.popitem(last=False)
    return {
        "said": f"{name} is in the bin.",
        "deleted": entry.folder.name,
        "recipes": recipes(project),
    }


@answered("own")
def lb_process_restore(data: dict[str, Any]) -> dict[str, Any]:
    """Take a deleted set out of the bin."""
    project = place().project(data.get("project"))
    entry = _deleted.pop(text(data, "id", limit=200), None)
    if entry is None:
        raise RecipeError("This is no longer in the bin.")
    restore(entry)
    return {"said": "It is back.", "recipes": recipes(project)}


@answered("own")
def lb_process_carry(data: dict[str, Any]) -> dict[str, Any]:
    """Put what is typed into the fields of another project, where it is looked at and applied."""
    other = place().project(data.get("to"))
    remember(other, _typed(data), "")
    return {
        "said": f"The fields of {other.name} are the same now. Look there at what they would change."
    }


def recipes(project: Project) -> dict[str, list[str]]:
    """Saved sets, and the other projects."""
    workspace = place().workspace
    try:
        names = list(recipe_names(workspace))
    except LorabakeError:
        names = []
    return {
        "names": names,
        "projects": [name for name in workspace.projects() if name != project.name],
    }


def _filled(project: Project, settings: ProcessSettings, said: str, name: str) -> dict[str, Any]:
    remember(project, settings, remembered(project)[1])
    values = to_widgets(settings)
    return {"said": said, "values": values, "name": name, "recipes": recipes(project)}


def _typed(data: dict[str, Any]) -> ProcessSettings:
    settings, errors = read_values(data.get("values"))
    if settings is None:
        raise RecipeError(next(iter(errors.values())))
    return settings
