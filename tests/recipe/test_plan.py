"""The plan counts a bake to the step, exactly as it will be trained."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.errors import RecipeError
from lorabake.recipe.pictures import held_out_pictures
from lorabake.recipe.plan import Plan, bucket_of, buckets_of, learning_rates, make_plan, rate_at
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import epoch_batches, steps_of, train_images, validation_images
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


def held_out(data: Any, **changes: Any) -> set[str]:
    recipe = load_recipe("pdxl", {"validation_split": 0.2} | changes)
    return {picture.image.sha256 for picture in held_out_pictures(data, recipe)}


def test_a_held_out_share_is_not_trained_on() -> None:
    data, recipe = dataset(concept(20, 2)), load_recipe("pdxl", {"validation_split": 0.2})
    counted = make_plan(data, recipe)
    assert (counted.validation_images, counted.images, counted.seen_per_epoch) == (4, 16, 32)
    trained = {image.sha256 for image in train_images(data, recipe)}
    measured = {image.sha256 for image in validation_images(data, recipe)}
    assert not trained & measured
    assert len(trained | measured) == 20


@pytest.mark.parametrize(
    ("images", "split", "held"), [(1, 0.5, 0), (2, 0.01, 1), (2, 0.5, 1), (9, 0.1, 1), (9, 0.0, 0)]
)
def test_at_least_one_is_held_out_and_never_all(images: int, split: float, held: int) -> None:
    assert len(held_out(dataset(concept(images)), validation_split=split)) == held


def test_another_picture_changes_at_most_one_of_those_held_out() -> None:
    for count in range(10, 30):
        before, after = (held_out(dataset(concept(n))) for n in (count, count + 1))
        assert len(before - after) <= 1
    assert held_out(dataset(concept(20))) != held_out(dataset(concept(20)), seed=5)


def test_twins_are_held_out_together_even_as_regularisation() -> None:
    first = concept(10)
    copies = replace(first, name="3_copy", repeats=3)
    regular = replace(first, name="1_reg", settings=ConceptSettings(is_reg=True))
    data, recipe = dataset(first, copies, regular), load_recipe("pdxl", {"validation_split": 0.3})
    measured = [image.sha256 for image in validation_images(data, recipe)]
    assert len(measured) == len(set(measured)) == 3
    assert not {image.sha256 for image in train_images(data, recipe)} & set(measured)


def test_regularisation_counts_with_its_own_weight() -> None:
    regular = replace(concept(3, 1, "girl"), settings=ConceptSettings(is_reg=True))
    data, recipe = dataset(concept(4, 5), regular), load_recipe("pdxl", {"prior_loss_weight": 0.3})
    counted = make_plan(data, recipe)
    assert (counted.images, counted.seen_per_epoch, counted.reg_images) == (4, 20, 20)
    assert counted.simple_steps == 40 * counted.epochs / 2
    assert [image.loss_weight for image in train_images(data, recipe)] == [1.0] * 4 + [0.3] * 3


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"warmup_ratio": 0.05}, 5),
        ({"warmup_steps": 30}, 30),
        ({"warmup_ratio": 0.05, "warmup_steps": 30}, 30),
        ({"warmup_steps": 9999}, 100),
    ],
)
def test_warmup_is_given_as_a_ratio_or_in_steps(changes: dict[str, Any], steps: int) -> None:
    assert plan(concept(20), epochs=10, **changes).warmup_steps == steps


def test_each_text_encoder_has_its_own_rate() -> None:
    recipe = load_recipe("pdxl", {"text_encoder_lr": 1e-5, "text_encoder_2_lr": 3e-6})
    rates = learning_rates(make_plan(dataset(concept(4)), recipe), recipe)
    assert (rates["text_encoder"][0], rates["text_encoder_2"][0]) == (1e-5, 3e-6)
    nai = load_recipe("nai15")
    assert learning_rates(make_plan(dataset(concept(4)), nai), nai)["text_encoder_2"] == []
