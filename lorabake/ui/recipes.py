"""What the settings part asks and tells: preset, overlays, every setting with its value, the model."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.core.names import natural_key
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project
from lorabake.engine.families.family import FAMILIES
from lorabake.engine.identify import CheckpointInfo, identify, require_base
from lorabake.engine.shelf import remembered_models
from lorabake.recipe.models import base_models, resolve_base, vae_models
from lorabake.recipe.presets import (
    compose,
    load_recipe,
    overlay_names,
    overlay_texts,
    preset_names,
)
from lorabake.recipe.recipe import GROUPS, Recipe, find_setting, recipe_to_mapping
from lorabake.ui import chosen as choices
from lorabake.ui import numbers
from lorabake.ui.answers import answered, text
from lorabake.ui.bakes import newest_first
from lorabake.ui.chosen import Chosen, read_chosen
from lorabake.ui.form import describe, from_widget, shown_text, to_widget
from lorabake.ui.place import place
from lorabake.ui.planned import change_rows
from lorabake.ui.words import plural

MAX_VALUE = 4000  # characters of one setting
MAX_STARTS = 200  # LoRA files to start from, in a list
Choices = list[tuple[str, str]]


@answered("look")
def lb_choice(data: dict[str, Any]) -> dict[str, Any]:
    """The presets, the overlays with what each changes, and what was chosen of them."""
    chosen = read_chosen(place().project(data.get("project")))
    return {
        "presets": [[name, load_recipe(name).title] for name in preset_names()],
        "preset": chosen.preset,
        "description": load_recipe(chosen.preset).description,
        "overlays": [overlay_view(chosen, name) for name in overlay_names()],
        "title": chosen.texts.get("title", ""),
        "changed": change_rows(chosen.base, chosen.recipe),
    }


@answered("edit")
def lb_preset(data: dict[str, Any]) -> dict[str, Any]:
    """Take a preset as it is shipped; the model that was chosen stays."""
    project = place().project(data.get("project"))
    dropped = _own_changes(read_chosen(project))
    name = text(data, "preset", limit=100)
    chosen = choices.take_preset(project, name)
    return {"said": f"All values are now those of {chosen.base.title}." + _lost(dropped)}


@answered("edit")
def lb_overlay(data: dict[str, Any]) -> dict[str, Any]:
    """Lay an overlay over the settings or take it away."""
    project = place().project(data.get("project"))
    before = read_chosen(project)
    name, on = text(data, "overlay", limit=100), data.get("on") is True
    after = choices.switch_overlay(project, name, on)
    title = overlay_texts(name)[0]
    gone = [overlay_texts(other)[0] for other in before.overlays if other not in after.overlays]
    also = f" instead of {', '.join(gone)}" if on and gone else ""
    dropped = _own_changes(before) - _own_changes(after)
    return {"said": f"{title} is {'on' if on else 'off'}{also}." + _lost(dropped)}


@answered("edit")
def lb_undo(data: dict[str, Any]) -> dict[str, Any]:
    """Back to what was before the last preset, overlay, file, advice or numbers; folders too."""
    return numbers.undo(place().project(data.get("project")))


@answered("look")
def lb_settings(data: dict[str, Any]) -> dict[str, Any]:
    """Every setting with its value, the preset's value, and what was found of the base model."""
    project = place().project(data.get("project"))
    chosen = read_chosen(project)
    values, usual = recipe_to_mapping(chosen.recipe), recipe_to_mapping(chosen.base)
    shown: dict[str, Any] = {}
    changed: dict[str, str] = {}
    for group, (_, cls) in GROUPS.items():
        for spec in setting_fields(cls):
            key, value = f"{group}.{spec.name}", values[group][spec.name]
            shown[key] = to_widget(spec, value)
            if value != usual[group][spec.name]:
                changed[key] = shown_text(key, spec, usual[group][spec.name])
    return {
        "groups": describe() if data.get("form") is True else None,
        "values": shown,
        "changed": changed,
        "choices": found_choices(project, chosen.recipe),
        "base": base_view(chosen.recipe),
    }


@answered("edit")
def lb_set(data: dict[str, Any]) -> dict[str, Any]:
    """Change one setting; `reset` goes back to the preset's value. Refused with the reason."""
    project = place().project(data.get("project"))
    key = text(data, "key", limit=100)
    group, spec = find_setting(key)
    if data.get("reset") is True:
        value = recipe_to_mapping(read_chosen(project).base)[group][spec.name]
    else:
        typed = data.get("value")
        typed = typed[:MAX_VALUE] if isinstance(typed, str) else typed
        value = from_widget(spec, typed, group)
    choices.change(project, f"{group}.{spec.name}", value)
    return {}


def overlay_view(chosen: Chosen, name: str) -> dict[str, Any]:
    """An overlay and what it changes in the preset; a later one may change it once more."""
    title, description = overlay_texts(name)
    plain = compose(chosen.preset)
    return {
        "name": name,
        "title": title,
        "description": description,
        "on": name in chosen.overlays,
        "changes": change_rows(plain, compose(chosen.preset, [name])),
    }


def found_choices(project: Project, recipe: Recipe) -> dict[str, Choices]:
    """Settings whose choices lie on the disk; the chosen one even if it is gone."""
    workspace = place().workspace
    found = {
        "model.base": [("", "(none)")]
        + [(model.name, model.label) for model in base_models(workspace)],
        "model.vae": [("", "(the base model's own)")]
        + [(model.name, model.label) for model in vae_models(workspace)],
        "network.network_weights": [("", "(nothing)"), *_starts(project)],
    }
    values = recipe_to_mapping(recipe)
    for key, listed in found.items():
        group, _, name = key.partition(".")
        current = values[group][name]
        if current not in dict(listed):
            listed.append((current, f"{current} (not found)"))
    return found


def _starts(project: Project) -> Choices:
    """LoRA files to go on from: those of this project's runs, then those in the models folder."""
    files = [
        (f"{run.name}/{file.path.name}", f"{run.name}, epoch {file.epoch}")
        for run in newest_first(project.runs())
        for file in reversed(run.checkpoints())
    ]
    folder = place().workspace.models_dir
    shelf = remembered_models(place().workspace, kinds=("lora",))
    own = {model.path.name for model in shelf if model.path.parent == folder}
    return [*files[:MAX_STARTS], *((name, name) for name in sorted(own, key=natural_key))]


def base_view(recipe: Recipe) -> dict[str, Any]:
    """What the base model's file turned out to be, or what it is instead of a base model."""
    try:
        path = resolve_base(place().workspace, recipe.model.base)
        stat = path.stat()
        info = _identified(path, stat.st_mtime_ns, stat.st_size)
    except LorabakeError as error:
        return {"problem": str(error), "facts": []}
    except OSError:
        return {"problem": f"{recipe.model.base} is not there any more.", "facts": []}
    problem = ""
    try:
        require_base(path, recipe.model.family)
    except LorabakeError as error:
        problem = str(error)
    return {"problem": problem, "facts": _facts(info)}


@lru_cache(maxsize=32)
def _identified(path: Path, _changed: int, _size: int) -> CheckpointInfo:
    return identify(path)


def _facts(info: CheckpointInfo) -> list[tuple[str, str]]:
    predicts = {"v": "velocity (v-prediction)", "epsilon": "noise (epsilon)"}
    facts = [("Found", info.label)]
    if info.family and info.family in FAMILIES:
        facts = [("Family", FAMILIES[info.family].label)]
    if info.prediction:
        facts.append(("Predicts", predicts.get(info.prediction, info.prediction)))
        facts.append(("Zero terminal SNR", "yes" if info.zero_terminal_snr else "no"))
    if info.dtype:
        facts.append(("Precision", info.dtype))
    facts.append(("Size", size_text(info.mib)))
    return facts


def size_text(mib: float) -> str:
    """ "6.5 GB", "320 MB", "8.5 MB"."""
    if mib >= 1000:
        return f"{mib / 1024:.1f} GB"
    return f"{mib:.0f} MB" if mib >= 10 else f"{mib:.1f} MB"


def _own_changes(chosen: Chosen) -> set[str]:
    return set(chosen.changes) - set(choices.PLACES)


def _lost(keys: set[str]) -> str:
    with suppress(LorabakeError):
        labels = [find_setting(key)[1].label for key in sorted(keys)]
        if labels:
            more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
            lost = plural(len(labels), "change")
            return f" {lost} of yours went: {', '.join(labels[:4])}{more}."
    return ""
