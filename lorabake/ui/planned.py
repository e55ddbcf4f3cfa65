"""What a bake will be, in figures and sentences for the page: the plan, the advice, the changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError
from lorabake.core.settings import setting_fields
from lorabake.recipe.checks import Advice, check_dataset, check_recipe
from lorabake.recipe.memory import estimate_mib
from lorabake.recipe.models import resolve_base
from lorabake.recipe.plan import Plan, learning_rates, make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import GROUPS, Recipe, recipe_to_mapping
from lorabake.ui.chosen import Chosen
from lorabake.ui.form import to_widget
from lorabake.ui.place import place

LEVELS = {"stop": "bad", "warn": "warn", "hint": "info"}
WORDS = {"stop": "Cannot bake yet", "warn": "Look before you bake", "hint": "Good to know"}
CURVE = 120  # points of a learning rate curve


def plan_view(project: str, chosen: Chosen, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """Everything the plan part draws."""
    recipe = chosen.recipe
    extension = recipe.captions.caption_extension
    dataset = place().dataset(place().project(project), extension)
    view: dict[str, Any] = {
        "title": recipe.title,
        "description": recipe.description,
        "errors": [{"key": key, "text": text} for key, text in (errors or {}).items()],
        "changed": changed_view(chosen),
        "models": str(place().workspace.models_dir),
    }
    base, remarks = advice(dataset, recipe)
    view["advice"] = [
        {"level": LEVELS[remark.level], "word": WORDS[remark.level], "text": remark.text}
        for remark in remarks
    ]
    try:
        plan = make_plan(dataset, recipe)
    except LorabakeError:
        return view  # the advice says why
    view["plan"] = figures(plan, recipe, base)
    return view


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


def changed_view(chosen: Chosen) -> list[dict[str, str]]:
    """Each change from the preset: which setting, what it was, what it is."""
    before = recipe_to_mapping(load_recipe(chosen.preset))
    after = recipe_to_mapping(chosen.recipe)
    changed = []
    for group, (_, cls) in GROUPS.items():
        for spec in setting_fields(cls):
            if after[group][spec.name] != before[group][spec.name]:
                changed.append(
                    {
                        "key": f"{group}.{spec.name}",
                        "label": spec.label,
                        "was": _text(to_widget(spec, before[group][spec.name])),
                        "is": _text(to_widget(spec, after[group][spec.name])),
                    }
                )
    return changed


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace("\n", ", ") or "(empty)"
