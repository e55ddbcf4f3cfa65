"""What was chosen for a project: a preset, overlays, and what differs from both. In the project's folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.workspace import Project
from lorabake.recipe.presets import compose, overlay_names, preset_names
from lorabake.recipe.recipe import (
    GROUPS,
    KEPT,
    Recipe,
    recipe_from_mapping,
    recipe_to_mapping,
    with_setting,
)

FIRST_PRESETS = ("practice", "illustrious")
PLACES = ("model.base", "model.vae")  # what is on this computer, and no matter of taste
_RECORD = ("preset", "overlays", "changes", "texts")
_TEXTS = ("title", "description", "family", KEPT)


@dataclass(frozen=True)
class Chosen:
    """preset, overlays: shipped names; recipe: all of it.

    changes: "group.name" → value, what differs from preset and overlays. texts: the same for what a
    recipe says besides its settings: title, description, family, what a file of elsewhere said.
    """

    preset: str
    recipe: Recipe
    changes: dict[str, Any]
    overlays: tuple[str, ...] = ()
    texts: dict[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> Recipe:
        """Preset and overlays, without the changes."""
        return compose(self.preset, self.overlays)


def read_chosen(project: Project) -> Chosen:
    """The project's choice; the gentlest preset when nothing was chosen yet or it no longer fits."""
    settings = project.read_settings()
    preset = str(settings.get("preset", ""))
    if preset not in preset_names():
        preset = next((name for name in FIRST_PRESETS if name in preset_names()), preset_names()[0])
    listed = settings.get("overlays")
    overlays = in_order(listed if isinstance(listed, list) else ())
    try:
        base = compose(preset, overlays)
        changes, texts = _table(settings.get("changes")), _table(settings.get("texts"))
        recipe = with_changes(base, changes, texts)
        return Chosen(preset, recipe, changes, overlays, texts)
    except LorabakeError:  # written by another version
        return Chosen(preset, compose(preset), {})


def write_chosen(
    project: Project,
    preset: str,
    overlays: Sequence[str],
    recipe: Recipe,
    *,
    undoable: bool = False,
    renamed: Mapping[str, int] | None = None,
) -> Chosen:
    """Keep a recipe as changes to a preset and overlays.

    undoable: a step that replaces much at once; `undo` goes back to what was before it.
    renamed: folders whose repeats that step changed, with those before.
    """
    if preset not in preset_names():
        raise RecipeError("This preset is no longer there. Choose another one.")
    overlays = in_order(overlays)
    base = compose(preset, overlays)
    before, after = recipe_to_mapping(base), recipe_to_mapping(recipe)
    texts = {name: after[name] for name in _TEXTS if after.get(name) != before.get(name)}
    chosen = Chosen(preset, recipe, differences(base, recipe), overlays, texts)
    values: dict[str, Any] = {
        "preset": preset,
        "overlays": list(overlays),
        "changes": chosen.changes,
        "texts": texts,
    }
    if undoable:
        values["undo"] = {**_record(project.read_settings()), "repeats": dict(renamed or {})}
    update_settings(project, **values)
    return chosen


def undo(project: Project, renamed: Mapping[str, int] | None = None) -> Chosen:
    """What was chosen before the last step that replaced much; this one can be undone again.

    renamed: as in `write_chosen`, for the folders that were renamed back.
    """
    settings = project.read_settings()
    before = settings.get("undo")
    if not isinstance(before, dict):
        raise RecipeError("There is nothing to go back to.")
    kept = {name: value for name, value in settings.items() if name not in _RECORD}
    again = {**_record(settings), "repeats": dict(renamed or {})}
    project.write_settings({**kept, **_record(before), "undo": again})
    return read_chosen(project)


def repeats_before(project: Project) -> dict[str, int]:
    """Folders whose repeats the step changed that `undo` would undo, with those before it."""
    before = project.read_settings().get("undo")
    if not isinstance(before, dict):
        raise RecipeError("There is nothing to go back to.")
    told = _table(before.get("repeats"))
    return {str(folder): times for folder, times in told.items() if type(times) is int}


def change(project: Project, key: str, value: Any) -> Chosen:
    """Change one setting; the optimizer's optional args stay as far as another optimizer knows them."""
    before = read_chosen(project)
    recipe = with_setting(before.recipe, key, value)
    return write_chosen(project, before.preset, before.overlays, recipe)


def take_preset(project: Project, name: str) -> Chosen:
    """The preset as it is shipped, with the overlays and the model that were chosen."""
    if name not in preset_names():
        raise RecipeError("This preset is no longer there. Choose another one.")
    before = read_chosen(project)
    recipe = compose(name, before.overlays)
    if not recipe.model.base:  # the preset leaves the model to the user
        recipe = with_changes(recipe, {k: v for k, v in before.changes.items() if k in PLACES})
    return write_chosen(project, name, before.overlays, recipe, undoable=True)


def switch_overlay(project: Project, name: str, on: bool) -> Chosen:
    """Lay an overlay over the settings, or take it away; other changes of the user's stay.

    What the overlay decides is the overlay's, even where the user had changed it before: it would
    do nothing otherwise.
    """
    if name not in overlay_names():
        raise RecipeError("This overlay is no longer there. Reload the page.")
    before = read_chosen(project)
    rivals = _rivals(name) if on else ()
    rest = [other for other in before.overlays if other != name and other not in rivals]
    overlays = in_order([*rest, name] if on else rest)
    recipe = laid_over(before, overlays)
    return write_chosen(project, before.preset, overlays, recipe, undoable=True)


def laid_over(before: Chosen, overlays: Sequence[str]) -> Recipe:
    """The recipe with these overlays instead of the present ones; see `switch_overlay`."""
    old, new = before.base, compose(before.preset, overlays)
    decided = set(differences(old, new))
    if "optimizer.type" in decided:
        decided.add("optimizer.args")
    changes = {key: value for key, value in before.changes.items() if key not in decided}
    texts = {key: text for key, text in before.texts.items() if key not in ("title", "description")}
    try:
        return with_changes(new, changes, texts)
    except RecipeError:  # a change of the user's does not go together with it
        return new


def _rivals(name: str) -> tuple[str, ...]:
    """Overlays that decide a kind of network or optimizer of their own: one of them at a time."""
    sides = ({"dora", "glora"}, {"style", "concept", "outfit"})
    return tuple(other for side in sides if name in side for other in side - {name})


def in_order(names: Iterable[Any]) -> tuple[str, ...]:
    """Those that are overlays, each once, in the order in which they are laid over."""
    wanted = set(map(str, names))
    return tuple(name for name in overlay_names() if name in wanted)


def update_settings(project: Project, **values: Any) -> None:
    """Change some of what project.json says and leave the rest."""
    settings = project.read_settings()
    if any(settings.get(name) != value for name, value in values.items()):
        project.write_settings({**settings, **values})


def with_tables(base: Recipe, tables: Mapping[str, Mapping[str, Any]]) -> Recipe:
    mapping = recipe_to_mapping(base)
    return recipe_from_mapping(
        {**mapping, **{group: {**mapping[group], **tables.get(group, {})} for group in GROUPS}}
    )


def with_changes(
    base: Recipe, changes: Mapping[str, Any], texts: Mapping[str, Any] | None = None
) -> Recipe:
    tables: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        group, _, name = key.partition(".")
        tables.setdefault(group, {})[name] = value
    recipe = with_tables(base, tables)
    if not texts:
        return recipe
    known = {name: value for name, value in texts.items() if name in _TEXTS}
    return recipe_from_mapping({**recipe_to_mapping(recipe), **known})


def differences(base: Recipe, recipe: Recipe) -> dict[str, Any]:
    """Every setting that is not the preset's, as "group.name" → value."""
    before, after = recipe_to_mapping(base), recipe_to_mapping(recipe)
    return {
        f"{group}.{name}": value
        for group in GROUPS
        for name, value in after[group].items()
        if value != before[group][name]
    }


def _record(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in _RECORD if name in settings}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
