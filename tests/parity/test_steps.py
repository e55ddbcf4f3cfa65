"""Steps are counted as the guide's trainer counts them, for datasets of many shapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.dataset import Concept, Dataset
from lorabake.recipe.pictures import held_out_pictures, training_pictures
from lorabake.recipe.plan import bucket_of, make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import epoch_batches, steps_of, train_images, validation_images
from tests.recipe.datasets import concept, dataset

LETS_8 = [(1024, 1024)] * 6 + [(832, 1216)] * 6 + [(1216, 832)] * 4
LETS_8 += [(896, 1152)] * 3 + [(1152, 896)] * 3
MIXED = [(1000, 1500), (1500, 1000), (600, 800), (1920, 1080), (700, 2400), (50, 60)] * 3


def reg(images: Any, repeats: int = 1, trigger: str = "girl") -> Concept:
    return replace(concept(images, repeats, trigger), settings=ConceptSettings(is_reg=True))


def regularisation_of(repeats: list[int], wanted: int) -> list[int]:
    """The guide's trainer's loop over (repeats of each picture): what each ends up with."""
    if not repeats or not wanted:
        return [0] * len(repeats)
    result, n, first = [0] * len(repeats), 0, True
    while n < wanted:
        for place, own in enumerate(repeats):
            result[place] += own if first else 1
            n += own if first else 1
            if n >= wanted:
                break
        first = False
    return result


def counted(data: Dataset, **changes: Any) -> tuple[int, int, int]:
    """(batches, steps an epoch, steps in all) from the description alone (§4.9)."""
    recipe = load_recipe("pdxl", changes)
    held = {p.image.sha256 for p in held_out_pictures(data, recipe)}
    shown: list[tuple[tuple[int, int], int]] = []
    regular: list[tuple[tuple[int, int], int]] = []
    for folder in data.concepts:
        for image in folder.images:
            if image.sha256 not in held:
                entry = ((image.width, image.height), folder.repeats)
                (regular if folder.is_reg else shown).append(entry)
    wanted = sum(repeats for _, repeats in shown)
    matched = regularisation_of([repeats for _, repeats in regular], wanted)
    shown += [(size, n) for (size, _), n in zip(regular, matched, strict=True)]
    in_bucket: Counter[tuple[int, int]] = Counter()
    for size, repeats in shown:
        in_bucket[bucket_of(size, recipe)] += repeats
    general = recipe.general
    batches = sum(ceil(n / general.batch_size) for n in in_bucket.values())
    steps = ceil(batches / general.gradient_accumulation_steps)
    return batches, steps, general.max_train_steps or steps * general.epochs


CASES: list[tuple[str, list[Concept], dict[str, Any]]] = [
    ("one picture", [concept(1)], {}),
    ("the guide's 20 × 10", [concept(20, 10)], {"epochs": 10}),
    ("100 × 3", [concept(100, 3)], {"epochs": 10}),
    ("batch 50, 22 pictures", [concept(LETS_8, 10)], {"batch_size": 50, "epochs": 4}),
    ("batch 4, 63 pictures", [concept(63)], {"batch_size": 4, "epochs": 25}),
    ("batch 1", [concept(MIXED, 2)], {"batch_size": 1}),
    ("batch 3", [concept(MIXED, 2)], {"batch_size": 3}),
    ("larger batch than pictures", [concept(MIXED)], {"batch_size": 64}),
    ("accumulation 2", [concept(MIXED, 3)], {"gradient_accumulation_steps": 2}),
    ("accumulation 7", [concept(MIXED, 3)], {"gradient_accumulation_steps": 7}),
    ("accumulation 99", [concept(MIXED, 3)], {"gradient_accumulation_steps": 99}),
    ("two folders", [concept(7, 5), concept(MIXED, 2, "zeta")], {}),
    ("no buckets", [concept(MIXED, 2)], {"enable_bucket": False}),
    ("no enlarging", [concept(MIXED, 2)], {"bucket_no_upscale": True}),
    ("768 px", [concept(MIXED, 2)], {"resolution": 768, "max_bucket_reso": 1024}),
    ("too few reg", [concept(9, 5), reg(4)], {}),
    ("too many reg", [concept(9, 5), reg(90, 2)], {}),
    ("reg with repeats", [concept(9, 5), reg(7, 3)], {}),
    ("reg of many shapes", [concept(MIXED, 2), reg(MIXED, 1)], {"batch_size": 4}),
    ("two reg folders", [concept(5, 7), reg(3, 2), reg(4, 1, "boy")], {}),
    ("reg and accumulation", [concept(5, 7), reg(3)], {"gradient_accumulation_steps": 3}),
    ("max steps inside", [concept(20, 2)], {"max_train_steps": 33}),
    ("max steps at an epoch's end", [concept(20, 2)], {"max_train_steps": 40}),
    ("max steps beyond", [concept(20, 2)], {"epochs": 1, "max_train_steps": 1003}),
    ("held out", [concept(20, 2)], {"validation_split": 0.1}),
    ("held out and reg", [concept(MIXED, 2), reg(5)], {"validation_split": 0.25}),
]


@pytest.mark.parametrize(("folders", "changes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_plan_and_the_batches_are_what_is_described(
    folders: list[Concept], changes: dict[str, Any]
) -> None:
    data, recipe = dataset(*folders), load_recipe("pdxl", changes)
    plan = make_plan(data, recipe)
    expected = counted(data, **changes)
    assert (plan.batches_per_epoch, plan.steps_per_epoch, plan.total_steps) == expected
    general = recipe.general
    batches = epoch_batches(
        train_images(data, recipe),
        epoch=2,
        batch_size=general.batch_size,
        seed=1,
        accumulation=general.gradient_accumulation_steps,
    )
    assert len(batches) == plan.batches_per_epoch
    groups = steps_of(batches, general.gradient_accumulation_steps)
    assert len(groups) == plan.steps_per_epoch
    for number, group in enumerate(groups):
        assert {batch.step for batch in group} == {plan.steps_per_epoch + number}
    shown = sum(len(batch.images) for batch in batches)
    assert shown == plan.seen_per_epoch + plan.reg_images
    assert len(validation_images(data, recipe)) == plan.validation_images


def test_22_pictures_at_batch_50_are_28_steps_and_not_17() -> None:
    plan = make_plan(
        dataset(concept(LETS_8, 10)), load_recipe("pdxl", {"batch_size": 50, "epochs": 4})
    )
    assert (plan.total_steps, plan.simple_steps) == (28, 18)
    assert 220 * 4 // 50 == 17


def test_63_pictures_at_batch_4_are_at_least_16_steps_an_epoch() -> None:
    shapes = [(1024, 1024)] * 30 + [(832, 1216)] * 21 + [(1216, 832)] * 9 + [(896, 1152)] * 3
    plan = make_plan(dataset(concept(shapes)), load_recipe("pdxl", {"batch_size": 4}))
    assert plan.steps_per_epoch == 8 + 6 + 3 + 1 > 63 / 4


@pytest.mark.parametrize(
    ("steps", "epochs", "files"), [(1, 1, 1), (40, 1, 1), (41, 2, 2), (100, 3, 3), (1600, 40, 40)]
)
def test_max_train_steps_decides_how_many_epochs_begin(steps: int, epochs: int, files: int) -> None:
    recipe = load_recipe("pdxl", {"max_train_steps": steps, "epochs": 7, "batch_size": 1})
    plan = make_plan(dataset(concept(20, 2)), recipe)
    assert (plan.epochs, plan.total_steps, plan.files) == (epochs, steps, files)


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("own", [1, 3])
def test_regularisation_is_shown_as_the_guides_trainer_shows_it(count: int, own: int) -> None:
    data = dataset(concept(5, 4), reg(count, own))
    pictures = training_pictures(data, load_recipe("pdxl"))
    expected = regularisation_of([own] * count, 20)
    assert [p.repeats for p in pictures if p.is_reg] == [n for n in expected if n]
