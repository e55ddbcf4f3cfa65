"""The calculator of the page: what if cells were changed, ways to a number of steps, and using it.

Nothing is changed before `lb_use_numbers` or `lb_take`; each of them is one step, and one undo brings
back the settings and the names of the folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.names import shown
from lorabake.core.workspace import Project
from lorabake.recipe.calculator import (
    Calculation,
    Way,
    calculate,
    ways_to,
    with_length,
    with_repeats,
)
from lorabake.recipe.checks import apply_fix
from lorabake.recipe.memory import estimate_mib
from lorabake.recipe.models import resolve_base
from lorabake.recipe.recipe import Recipe
from lorabake.train.pace import Pace, measured_pace
from lorabake.ui import chosen as choices
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import Chosen, read_chosen, write_chosen
from lorabake.ui.place import place
from lorabake.ui.planned import advice, change_rows
from lorabake.ui.words import plural

MAX_WANTED = 1_000_000  # steps
MANY_WAYS = 40  # are looked at …
WAYS_SHOWN = 3  # … and so many offered
LEAST_EPOCHS = (
    3  # of a way that is offered besides the epochs alone: fewer leave no choice of files
)


@dataclass(frozen=True)
class Draft:
    """Cells that somebody changed. repeats: folder → times; None: as it is."""

    repeats: Mapping[str, int] = field(default_factory=dict)
    epochs: int | None = None
    batch_size: int | None = None

    def recipe(self, recipe: Recipe) -> Recipe:
        return with_length(recipe, epochs=self.epochs, batch_size=self.batch_size)


@answered("look")
def lb_numbers(data: dict[str, Any]) -> dict[str, Any]:
    """The sums with the cells of a draft; `wanted` steps also get the nearest ways to them."""
    project = place().project(data.get("project"))
    recipe, dataset = read_chosen(project).recipe, place().shelf(project.name).dataset
    draft = _draft(data, dataset, recipe)
    meant, after = with_repeats(dataset, draft.repeats), draft.recipe(recipe)
    pace = measured_pace(_all_runs(), after)
    seconds = pace.seconds_per_step(after) if pace else None
    sums = calculate(meant, after, seconds_per_step=seconds)
    now = calculate(dataset, recipe)
    wanted = number(data, "wanted", otherwise=0, low=0, high=MAX_WANTED)
    return {
        **sums.to_mapping(),
        "rows": _rows(dataset, sums),
        "steps_per_epoch": sums.plan.steps_per_epoch,
        "images": sums.plan.images,
        "reg": sums.plan.reg_images,
        "held_out": sums.plan.validation_images,
        "now": {"epochs": now.epochs, "batch_size": now.batch_size},
        "before": vars(now.chart.here),
        "applies": _applies(after),
        "try": _suggested(sums, dataset),
        "pace": _pace_text(pace, after),
        "memory_mib": _memory(after),
        "changes": _changes(dataset, draft, recipe, after),
        "ways": _ways(dataset, after, meant, wanted) if wanted else [],
    }


@answered("edit")
def lb_use_numbers(data: dict[str, Any]) -> dict[str, Any]:
    """Rename folders to the draft's repeats, and set its epochs and batch size; one undo for all."""
    project = place().project(data.get("project"))
    chosen, dataset = read_chosen(project), place().shelf(project.name).dataset
    draft = _draft(data, dataset, chosen.recipe)
    return change_all(project, chosen, draft.recipe(chosen.recipe), draft.repeats)


@answered("edit")
def lb_take(data: dict[str, Any]) -> dict[str, Any]:
    """Do what a remark offers, if it still stands there."""
    project = place().project(data.get("project"))
    chosen, dataset = read_chosen(project), place().shelf(project.name).dataset
    id, label = text(data, "id", limit=100), text(data, "label", limit=1000)
    _, remarks = advice(dataset, chosen.recipe)
    for remark in remarks:
        if remark.fix and (remark.id, remark.fix.label) == (id, label):
            after = apply_fix(chosen.recipe, remark.fix)
            return change_all(project, chosen, after, remark.fix.repeats)
    raise RecipeError("This advice no longer stands: something was changed meanwhile.")


def change_all(
    project: Project, chosen: Chosen, recipe: Recipe, repeats: Mapping[str, int]
) -> dict[str, Any]:
    """Settings and folder names as one step; `said` tells what was changed, `folders` how many."""
    changes = change_rows(chosen.recipe, recipe)
    renamed = place().set_repeats(project.name, repeats)
    try:
        write_chosen(
            project, chosen.preset, chosen.overlays, recipe, undoable=True, renamed=renamed
        )
    except LorabakeError:
        place().set_repeats(project.name, renamed)
        raise
    told = [f"{one['label']} {one['before']} → {one['after']}" for one in changes]
    told += [
        f"{shown(before)} is {shown(after)} now"
        for before, after in zip(repeats, renamed, strict=True)
    ]
    return {"said": f"{'; '.join(told)}." if told else "", "folders": len(renamed)}


def undo(project: Project) -> dict[str, Any]:
    """Back to what was before the last large step, folder names included."""
    before = choices.repeats_before(project)
    there = {concept.folder.name for concept in place().shelf(project.name).dataset.concepts}
    gone = [folder for folder in before if folder not in there]
    back = {folder: times for folder, times in before.items() if folder in there}
    choices.undo(project, renamed=place().set_repeats(project.name, back))
    said = "The settings are as they were before."
    if back:
        named = "has its" if len(back) == 1 else "have their"
        said = f"{said[:-1]}, and {plural(len(back), 'folder')} {named} old repeats again."
    if gone:
        said += f" {shown(gone[0])} is not there any more, so its repeats stay."
    return {"said": said, "folders": len(back)}


def _draft(data: dict[str, Any], dataset: Dataset, recipe: Recipe) -> Draft:
    """What a page sent, without what is as it was. Limits are those of settings and folder names."""
    sent = data.get("repeats")
    now = {concept.folder.name: concept.repeats for concept in dataset.concepts}
    repeats: dict[str, int] = {}
    for folder, times in (sent if isinstance(sent, dict) else {}).items():
        if type(times) is not int:
            raise RecipeError("Repeats are whole numbers.")
        if now.get(folder) != times:
            repeats[str(folder)] = times
    with_repeats(dataset, repeats)  # refuses what cannot be
    epochs, batch = data.get("epochs"), data.get("batch_size")
    general = recipe.general
    draft = Draft(
        repeats,
        None if epochs == general.epochs and not general.max_train_steps else epochs,
        None if batch == general.batch_size else batch,
    )
    draft.recipe(recipe)
    return draft


def _rows(dataset: Dataset, sums: Calculation) -> list[dict[str, Any]]:
    """One for each folder. now: its repeats on the disk; fixed: they are in no name, and stay."""
    return [
        {**vars(row), "now": concept.repeats, "fixed": concept.folder == dataset.root}
        for row, concept in zip(sums.rows, dataset.concepts, strict=True)
    ]


def _applies(recipe: Recipe) -> str:
    """Why the guide's tables do not count for a recipe; "" where they do."""
    if recipe.model.base == "practice":
        return "The tables are for full models; the tiny practice model wants more steps."
    if recipe.optimizer.type == "prodigy":
        return (
            "The tables are not for Prodigy, which wants about 100 steps an epoch, and 20 epochs."
        )
    return ""


def _suggested(sums: Calculation, dataset: Dataset) -> dict[str, Any]:
    """What the table suggests as a draft; empty where it is so already."""
    suggestion, repeats = sums.suggestion, {}
    if sums.table.kind == "single":
        for concept in dataset.concepts:
            if not concept.is_reg and concept.folder != dataset.root:
                repeats[concept.folder.name] = suggestion.repeats
    as_now = {row.folder: row.repeats for row in sums.rows}
    if suggestion.epochs == sums.epochs and all(as_now[f] == n for f, n in repeats.items()):
        return {}
    return {"repeats": repeats, "epochs": suggestion.epochs}


def _ways(dataset: Dataset, recipe: Recipe, meant: Dataset, wanted: int) -> list[dict[str, Any]]:
    """Ways to a number of steps that can be gone: repeats in no folder's name stay."""
    fixed = {concept.folder.name for concept in dataset.concepts if concept.folder == dataset.root}
    now = {concept.folder.name: concept.repeats for concept in meant.concepts}
    ways = ways_to(meant, recipe, wanted, limit=MANY_WAYS)
    found = ways[:1] + [
        way for way in ways[1:] if way.epochs >= LEAST_EPOCHS and not fixed & way.repeats.keys()
    ]
    return [
        {
            "label": _way_label(way, now),
            "why": way.why,
            "steps": way.steps,
            "epochs": way.epochs,
            "repeats": dict(way.repeats),
        }
        for way in found[:WAYS_SHOWN]
    ]


def _way_label(way: Way, now: Mapping[str, int]) -> str:
    label = plural(way.epochs, "epoch")
    if all(now[folder] == times for folder, times in way.repeats.items()):
        return label
    times = list(way.repeats.values())
    listed = ", ".join(map(str, times[:6])) + (", …" if len(times) > 6 else "")
    return f"{label}, repeats {listed}"


def _changes(dataset: Dataset, draft: Draft, before: Recipe, after: Recipe) -> list[dict[str, str]]:
    """What using a draft would change, settings first."""
    names = {concept.folder.name: concept for concept in dataset.concepts}
    renamed = [
        {
            "key": "",
            "label": "Folder",
            "before": folder,
            "after": f"{times}_{names[folder].trigger or names[folder].name}",
        }
        for folder, times in draft.repeats.items()
    ]
    return [*change_rows(before, after), *renamed]


def _all_runs() -> list[Any]:
    """The runs of all projects: it is the computer that is measured."""
    workspace = place().workspace
    return [run for name in workspace.projects() for run in workspace.project(name).runs()]


def _pace_text(pace: Pace | None, recipe: Recipe) -> str:
    if pace is None:
        size = f"{recipe.general.resolution} px"
        return f"not known before this computer has baked with this model at {size}"
    seconds = pace.seconds_per_step(recipe)
    return f"{seconds:.2g} s a step, as measured in {pace.run}"


def _memory(recipe: Recipe) -> int | None:
    try:
        base = resolve_base(place().workspace, recipe.model.base)
    except LorabakeError:
        return None
    return estimate_mib(recipe, base) if base.exists() else None
