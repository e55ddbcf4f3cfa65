"""What a bake will be, in figures and sentences for the page: the plan, the advice, the changes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError
from lorabake.core.settings import setting_fields
from lorabake.recipe.checks import Advice, check_dataset, check_recipe
from lorabake.recipe.memory import estimate_mib
from lorabake.recipe.models import resolve_base
from lorabake.recipe.plan import Plan, learning_rates, make_plan
from lorabake.recipe.recipe import GROUPS, Recipe, recipe_to_mapping
from lorabake.ui.answers import answered
from lorabake.ui.chosen import read_chosen
from lorabake.ui.form import shown_text
from lorabake.ui.place import place

LEVELS = {"stop": "bad", "warn": "warn", "hint": "info"}
WORDS = {"stop": "Cannot bake yet", "warn": "Look before you bake", "hint": "Good to know"}
CURVE = 120  # points of a learning rate curve


@answered
def lb_plan(data: dict[str, Any]) -> dict[str, Any]:
    """What the bake would be: folders, figures, remarks."""
    project = place().project(data.get("project"))
    recipe = read_chosen(project).recipe
    dataset = place().dataset(project, recipe.captions.caption_extension)
    base, remarks = advice(dataset, recipe)
    view: dict[str, Any] = {
        "folders": folder_rows(dataset),
        "advice": [
            {"level": LEVELS[remark.level], "word": WORDS[remark.level], "text": remark.text}
            for remark in remarks
        ],
    }
    with suppress(LorabakeError):  # the advice says why
        view["plan"] = figures(make_plan(dataset, recipe), recipe, base)
    return view


def folder_rows(dataset: Dataset) -> list[dict[str, Any]]:
    """One row per folder for the calculator. fixed: its repeats are in no name and stay."""
    return [
        {
            "folder": concept.folder.name,
            "name": concept.trigger or concept.name,
            "images": len(concept.images),
            "repeats": concept.repeats,
            "reg": concept.is_reg,
            "fixed": concept.folder == dataset.root,
        }
        for concept in dataset.concepts
    ]


def advice(dataset: Dataset, recipe: Recipe) -> tuple[Path | None, list[Advice]]:
    """The base model's place if it is there, and all remarks, the stopping ones first."""
    base: Path | None = None
    remarks: list[Advice] = []
    try:
        base = resolve_base(place().workspace, recipe.model.base)
        if not base.exists():
            base = None
            remarks.append(
                Advice("stop", f"The base model {recipe.model.base} is not there any more.")
            )
    except LorabakeError as error:
        remarks.append(Advice("stop", str(error)))
    try:
        remarks += [*check_recipe(recipe, base), *check_dataset(dataset, recipe)]
    except LorabakeError as error:
        remarks.append(Advice("stop", str(error)))
    order = ("stop", "warn", "hint")
    return base, sorted(remarks, key=lambda remark: order.index(remark.level))


def figures(plan: Plan, recipe: Recipe, base: Path | None) -> dict[str, Any]:
    """The numbers of a plan; memory in MiB or None."""
    return {
        "images": plan.images,
        "reg": plan.reg_images,
        "held_out": plan.validation_images,
        "seen": plan.seen_per_epoch,
        "batch": recipe.general.batch_size,
        "accumulation": recipe.general.gradient_accumulation_steps,
        "steps_per_epoch": plan.steps_per_epoch,
        "epochs": plan.epochs,
        "total": plan.total_steps,
        "simple": plan.simple_steps,
        "files": plan.files,
        "memory_mib": estimate_mib(recipe, base),
        "buckets": [
            [bucket.width, bucket.height, bucket.images, bucket.batches] for bucket in plan.buckets
        ],
        "rates": {
            name: thinned(rates)
            for name, rates in learning_rates(plan, recipe).items()
            if rates and plan.total_steps <= 200_000
        },
    }


def thinned(values: list[float], points: int = CURVE) -> list[float]:
    """At most `points` of them, the first and the last among these."""
    if len(values) <= points:
        return values
    last = len(values) - 1
    return [values[round(i * last / (points - 1))] for i in range(points)]


def change_rows(before: Recipe, after: Recipe) -> list[dict[str, str]]:
    """Each setting that differs between two recipes: key, label, what it was, what it is."""
    old, new = recipe_to_mapping(before), recipe_to_mapping(after)
    return [
        {
            "key": (key := f"{group}.{spec.name}"),
            "label": spec.label,
            "before": shown_text(key, spec, old[group][spec.name]),
            "after": shown_text(key, spec, new[group][spec.name]),
        }
        for group, (_, cls) in GROUPS.items()
        for spec in setting_fields(cls)
        if new[group][spec.name] != old[group][spec.name]
    ]
