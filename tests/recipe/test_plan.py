"""The plan counts a bake to the step, exactly as it will be trained."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lorabake.core.errors import RecipeError
from lorabake.recipe.plan import Plan, bucket_of, buckets_of, learning_rates, make_plan, rate_at
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import epoch_batches, steps_of, train_images
from tests.recipe.datasets import concept, dataset

SHAPES = [(1024, 1024)] * 3 + [(832, 1216)] * 2 + [(1216, 832)]


def plan(*concepts: Any, **changes: Any) -> Plan:
    return make_plan(dataset(*concepts), load_recipe("pdxl", changes))


def test_an_empty_dataset_is_a_plan_of_no_steps() -> None:
    empty = plan()
    assert (empty.images, empty.total_steps, empty.buckets) == (0, 0, ())
    assert learning_rates(empty, load_recipe("pdxl")) == {
        "unet": [],
        "text_encoder": [],
        "text_encoder_2": [],
    }


def test_the_last_batch_of_every_bucket_may_be_partial() -> None:
    found = plan(concept(SHAPES, 3), epochs=4)
    assert [(b.width, b.height, b.images, b.seen, b.batches) for b in found.buckets] == [
        (832, 1216, 2, 6, 3),
        (1024, 1024, 3, 9, 5),
        (1216, 832, 1, 3, 2),
    ]
    assert (found.batches_per_epoch, found.steps_per_epoch, found.total_steps) == (10, 10, 40)
    assert found.simple_steps == 18 * 4 / 2


@pytest.mark.parametrize(("accumulation", "steps"), [(1, 10), (2, 5), (3, 4), (99, 1)])
def test_accumulated_batches_are_one_step(accumulation: int, steps: int) -> None:
    found = plan(concept(SHAPES, 3), gradient_accumulation_steps=accumulation)
    assert found.steps_per_epoch == steps


@pytest.mark.parametrize(("epochs", "every", "files"), [(10, 1, 10), (10, 3, 4), (2, 5, 1)])
def test_the_last_epoch_is_always_saved(epochs: int, every: int, files: int) -> None:
    assert plan(concept(2), epochs=epochs, save_every_n_epochs=every).files == files


@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_plan_is_what_the_trainer_does(accumulation: int) -> None:
    changes = {"gradient_accumulation_steps": accumulation, "batch_size": 4}
    recipe, data = load_recipe("pdxl", changes), dataset(concept(SHAPES, 3), concept(7, 2, "zeta"))
    batches = epoch_batches(train_images(data, recipe), epoch=1, batch_size=4, seed=1)
    counted = make_plan(data, recipe)
    assert counted.batches_per_epoch == len(batches)
    assert counted.steps_per_epoch == len(steps_of(batches, accumulation))


def test_without_buckets_everything_is_one_square() -> None:
    recipe = load_recipe("pdxl", {"enable_bucket": False})
    assert buckets_of(recipe) == [(1024, 1024)]
    assert bucket_of((100, 3000), recipe) == (1024, 1024)
    assert bucket_of((1000, 1500), load_recipe("pdxl")) == (832, 1216)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"min_bucket_reso": 2112}, "is above the maximum"),
        ({"resolution": 2176}, r"resolution \(2176 px\) is above the maximum bucket resolution"),
        ({"resolution": 32}, "smaller than the bucket steps"),
    ],
)
def test_buckets_that_cannot_be_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        plan(concept(2), **changes)


def test_the_plan_goes_into_json() -> None:
    mapping = plan(concept(SHAPES, 3)).to_mapping()
    assert json.loads(json.dumps(mapping))["buckets"][0]["width"] == 832
    assert mapping["T"] == mapping["seen_per_epoch"] == 18


def test_the_rates_of_every_step_are_known_before() -> None:
    recipe = load_recipe("illustrious")
    counted = make_plan(dataset(concept(20, 2)), recipe)
    rates = learning_rates(counted, recipe)
    assert {name: len(curve) for name, curve in rates.items()} == {
        "unet": 200,
        "text_encoder": 200,
        "text_encoder_2": 200,
    }
    assert (rates["unet"][0], rates["text_encoder"][0]) == (6e-5, 6e-6)
    assert rates["unet"][100] == rate_at(100, 200, "unet", recipe) < 6e-5


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        ({"unet_lr": 0}, ["unet"]),
        ({"train_unet": False}, ["unet"]),
        ({"text_encoder_lr": 0}, ["text_encoder", "text_encoder_2"]),
        ({"text_encoder_lr": 0, "text_encoder_2_lr": 1e-5}, ["text_encoder"]),
        ({"text_encoder_2_lr": 0}, ["text_encoder_2"]),
        ({"train_text_encoder": False}, ["text_encoder", "text_encoder_2"]),
    ],
)
def test_what_is_not_trained_has_no_rates(changes: dict[str, Any], silent: list[str]) -> None:
    recipe = load_recipe("pdxl", changes)
    rates = learning_rates(make_plan(dataset(concept(4)), recipe), recipe)
    assert [name for name, curve in rates.items() if not curve] == silent
