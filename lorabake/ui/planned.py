"""What a bake will be, in figures and sentences for the page: the shapes, the rates, the advice."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError
from lorabake.core.settings import setting_fields
from lorabake.engine.optimizers import OPTIMIZERS, schedule_of
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.checks import Advice, check_dataset, check_machine, check_recipe
from lorabake.recipe.curve import rate_lines, restarts
from lorabake.recipe.models import resolve_base
from lorabake.recipe.plan import Plan, make_plan
from lorabake.recipe.recipe import GROUPS, Recipe, recipe_to_mapping
from lorabake.ui.answers import answered
from lorabake.ui.chosen import read_chosen
from lorabake.ui.device import machine
from lorabake.ui.form import shown_text
from lorabake.ui.place import place

LEVELS = {"stop": "bad", "warn": "warn", "hint": "info"}


@answered("look")
def lb_plan(data: dict[str, Any]) -> dict[str, Any]:
    """What the bake would be, as it is set now: figures, rates, remarks with what each offers."""
    project = place().project(data.get("project"))
    recipe = read_chosen(project).recipe
    dataset = place().dataset(project, recipe.captions.caption_extension)
    _, remarks = advice(dataset, recipe)
    view: dict[str, Any] = {"advice": [advice_row(remark) for remark in remarks]}
    with suppress(LorabakeError):  # the advice says why
        view["plan"] = figures(make_plan(dataset, recipe), recipe)
    return view


def advice_row(remark: Advice) -> dict[str, Any]:
    """A remark as the page draws it; fix: the button's words, or None."""
    return {
        "id": remark.id,
        "level": LEVELS[remark.level],
        "text": remark.text,
        "why": remark.why,
        "fix": remark.fix.label if remark.fix else None,
    }


def advice(dataset: Dataset, recipe: Recipe) -> tuple[Path | None, list[Advice]]:
    """The base model's place if it is there, and all remarks, the stopping ones first."""
    base: Path | None = None
    remarks: list[Advice] = []
    try:
        base = resolve_base(place().workspace, recipe.model.base)
        if not base.exists():
            base = None
            remarks.append(
                Advice(
                    "stop",
                    f"The base model {recipe.model.base} is not there any more.",
                    "base.gone",
                )
            )
    except LorabakeError as error:
        remarks.append(Advice("stop", str(error), "base.gone"))
    try:
        remarks += [*check_recipe(recipe, base), *check_dataset(dataset, recipe)]
        remarks += check_machine(recipe, base, machine())
    except LorabakeError as error:
        remarks.append(Advice("stop", str(error), "unchecked"))
    order = ("stop", "warn", "hint")
    return base, sorted(remarks, key=lambda remark: order.index(remark.level))


def figures(plan: Plan, recipe: Recipe) -> dict[str, Any]:
    """Shapes, and the learning rates over the steps with their turning points."""
    return {
        "images": plan.images,
        "reg": plan.reg_images,
        "held_out": plan.validation_images,
        "seen": plan.seen_per_epoch,
        "steps_per_epoch": plan.steps_per_epoch,
        "epochs": plan.epochs,
        "total": plan.total_steps,
        "buckets": [
            [bucket.width, bucket.height, bucket.images, bucket.batches] for bucket in plan.buckets
        ],
        "rates": rate_lines(plan, recipe),
        "warmup": plan.warmup_steps,
        "restarts": restarts(plan, recipe),
        "schedule": SCHEDULES[
            schedule_of(recipe.optimizer.type, recipe.optimizer.lr_scheduler)
        ].label,
        "factor": OPTIMIZERS[recipe.optimizer.type].wants_equal_rates,
    }


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
