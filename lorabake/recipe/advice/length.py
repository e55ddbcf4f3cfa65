"""Advice about how long a bake is: beside the guide's tables, and for Prodigy."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError
from lorabake.recipe.advice.advice import Advice, Fix, setting_fix
from lorabake.recipe.plan import Plan, make_plan
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.tables import nearest, steps_by_table, table_for

FAR: Final = 2.01  # times more or fewer steps than the guide's table
PRODIGY_PICTURES: Final = (15, 40)  # "around 20 to 30 images, give or take"
PRODIGY_EPOCH: Final = (70, 150)  # about 100 steps an epoch
PRODIGY_BEST: Final = 800  # steps


def about_length(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    """The plan beside the simple sum, the tables, and what Prodigy wants."""
    try:
        plan = make_plan(dataset, recipe)
    except LorabakeError as error:
        yield Advice("stop", str(error), "plan.impossible")
        return
    extra = plan.batches_per_epoch * recipe.general.batch_size - plan.seen_per_epoch
    if len(plan.buckets) > 1 and extra > plan.seen_per_epoch // 4:
        yield Advice(
            "hint",
            f"Your pictures have {len(plan.buckets)} shapes, so many batches are not full: "
            f"{plan.total_steps} steps instead of the simple sum's {plan.simple_steps}.",
            "plan.partial",
            "A batch never mixes shapes. More repeats fill them, and so does a batch size of 1.",
        )
    if not plan.total_steps:
        return
    if recipe.optimizer.type == "prodigy":
        yield from _prodigy(dataset, recipe, plan)
    elif recipe.model.base != "practice":
        yield from _beside_table(dataset, recipe, plan)


def _beside_table(dataset: Dataset, recipe: Recipe, plan: Plan) -> Iterator[Advice]:
    table = table_for(recipe.family, sum(not concept.is_reg for concept in dataset.concepts))
    count = plan.images if table.kind == "single" else plan.seen_per_epoch
    if not table.reaches(count):
        return
    # A step is what is added up, so that pictures are compared with pictures.
    accumulated = recipe.general.gradient_accumulation_steps
    usual = steps_by_table(table, count, recipe.general.batch_size * accumulated)
    times = plan.total_steps / usual
    style = not recipe.captions.keep_tokens and times > 1  # the guide: raise the epochs
    if 1 / FAR <= times <= FAR or style:
        return
    more = "more" if times > 1 else "fewer"
    epochs = max(1, round(usual / plan.steps_per_epoch))
    told = (
        f"{plan.total_steps} steps are far {more} than the guide's table gives: about {usual:.0f}."
    )
    if epochs != recipe.general.epochs:
        told += f" {epochs} epochs come near it." if epochs > 1 else " 1 epoch comes near it."
    yield Advice(
        "hint",
        told,
        "steps.table",
        f"The nearest row: {nearest(table, count).sentence}.",
        setting_fix(general__epochs=epochs, general__max_train_steps=0)
        if epochs != recipe.general.epochs
        else None,
    )


def _prodigy(dataset: Dataset, recipe: Recipe, plan: Plan) -> Iterator[Advice]:
    few, many = PRODIGY_PICTURES
    if plan.images > many:
        yield Advice(
            "warn",
            f"Prodigy burns large sets, and yours has {plan.images} pictures. Take the best 20 to 30, or "
            "another optimizer.",
            "prodigy.large",
            "The guide: recommended for small datasets, around 20 to 30 images. Used over the "
            "recommended size at high repeats, the model will be burnt to a crisp.",
            setting_fix(optimizer__type="came" if recipe.family == "sdxl" else "adamw8bit"),
        )
    elif plan.images < few:
        yield Advice(
            "hint",
            f"Prodigy wants 20 to 30 pictures, and yours are {plan.images}.",
            "prodigy.small",
            "The guide: I'll typically throw around 20 to 30 images at it, give or take.",
        )
    low, high = PRODIGY_EPOCH
    # The guide's own example counts pictures: 20 images with 5 repeats, at whatever batch size.
    if not any(low <= number <= high for number in (plan.steps_per_epoch, plan.seen_per_epoch)):
        yield _epoch_of_100(dataset, plan)
    if plan.total_steps >= PRODIGY_BEST:
        epoch = ceil(PRODIGY_BEST / plan.steps_per_epoch)
        yield Advice(
            "hint",
            f"With Prodigy look for the lowest loss around step {PRODIGY_BEST}: that is epoch {epoch}.",
            "prodigy.look",
            "The guide: look for the model with its loss at its lowest point, typically around 800 "
            "steps or so.",
        )


def _epoch_of_100(dataset: Dataset, plan: Plan) -> Advice:
    trained = [concept for concept in dataset.concepts if not concept.is_reg]
    repeats = {
        concept.folder.name: max(1, round(100 / len(trained) / len(concept.images)))
        for concept in trained
        if concept.images
    }
    now = {concept.folder.name: concept.repeats for concept in trained}
    fix = None
    if repeats != now and all(concept.folder != dataset.root for concept in trained):
        told = ", ".join(dict.fromkeys(map(str, repeats.values())))
        fix = Fix(f"Set repeats to {told}", repeats=repeats)
    return Advice(
        "hint",
        f"Prodigy wants about 100 steps an epoch, and yours has {plan.steps_per_epoch} "
        f"({plan.seen_per_epoch} pictures).",
        "prodigy.epoch",
        "The guide: for repeats, try shooting for 100 steps. With 20 images, 5 repeats.",
        fix,
    )
