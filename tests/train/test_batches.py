"""Which pictures are trained together, in which order and with which words: from the seed alone."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import TrainImage, captions_of, epoch_batches, steps_of, train_images
from tests.recipe.datasets import concept, dataset

RECIPE = load_recipe("pdxl")
SHAPES = [(1024, 1024)] * 5 + [(832, 1216)] * 4 + [(1216, 832)] * 2
IMAGES = train_images(dataset(concept(SHAPES, 3), concept(7, 2, "zeta")), RECIPE)


def counted(images: list[TrainImage]) -> Counter[str]:
    return Counter(str(image.path) for image in images)


def test_pictures_carry_their_bucket_repeats_and_tags() -> None:
    assert len(IMAGES) == 18
    assert (IMAGES[5].size, IMAGES[5].bucket, IMAGES[5].repeats) == ((832, 1216), (832, 1216), 3)
    assert IMAGES[-1].lines[0].startswith("zeta, ")
    (tall,) = train_images(dataset(concept([(1000, 1500)])), RECIPE)
    assert (tall.size, tall.bucket) == ((1000, 1500), (832, 1216))


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_an_epoch_shows_every_picture_as_often_as_it_repeats(
    batch_size: int, epoch: int, seed: int
) -> None:
    batches = epoch_batches(IMAGES, epoch=epoch, batch_size=batch_size, seed=seed)
    shown = [image for batch in batches for image in batch.images]
    assert counted(shown) == Counter({str(image.path): image.repeats for image in IMAGES})
    for batch in batches:
        assert {image.bucket for image in batch.images} == {batch.bucket}, "never mixed"
        assert 1 <= len(batch.images) <= batch_size
    for bucket in {image.bucket for image in IMAGES}:
        sizes = [len(batch.images) for batch in batches if batch.bucket == bucket]
        assert sum(size < batch_size for size in sizes) <= 1, "one partial batch at most"


def test_numbers_run_on_from_epoch_to_epoch() -> None:
    numbers = [
        batch.number
        for epoch in (1, 2, 3)
        for batch in epoch_batches(IMAGES, epoch=epoch, batch_size=4, seed=1)
    ]
    assert numbers == list(range(len(numbers)))


def test_an_epoch_is_the_same_whatever_was_asked_before() -> None:
    first = epoch_batches(IMAGES, epoch=3, batch_size=4, seed=1)
    for epoch in (5, 1, 2):
        epoch_batches(IMAGES, epoch=epoch, batch_size=4, seed=1)
    assert epoch_batches(IMAGES, epoch=3, batch_size=4, seed=1) == first


def test_epochs_and_seeds_differ() -> None:
    orders = [
        [batch.images for batch in epoch_batches(IMAGES, epoch=epoch, batch_size=4, seed=seed)]
        for epoch, seed in [(1, 1), (2, 1), (1, 2)]
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_buckets_take_turns() -> None:
    batches = epoch_batches(IMAGES, epoch=1, batch_size=2, seed=1)
    buckets = [batch.bucket for batch in batches]
    assert buckets != sorted(buckets)


@pytest.mark.parametrize(("accumulation", "lengths"), [(1, [1] * 7), (3, [3, 3, 1]), (9, [7])])
def test_steps_are_groups_of_batches_in_their_order(accumulation: int, lengths: list[int]) -> None:
    batches = epoch_batches(IMAGES[:5], epoch=1, batch_size=2, seed=1)[:7]
    batches += epoch_batches(IMAGES[:5], epoch=2, batch_size=2, seed=1)[: 7 - len(batches)]
    steps = steps_of(batches, accumulation)
    assert [len(step) for step in steps] == lengths
    assert [batch for step in steps for batch in step] == batches


def test_captions_keep_the_first_tags_and_mix_the_rest() -> None:
    tags = tuple(f"tag {n}" for n in range(15))
    two = load_recipe("pdxl", {"keep_tokens": 2})
    images = train_images(dataset(concept(4, 1, "kafka", tags)), two)
    (batch,) = epoch_batches(images, epoch=1, batch_size=4, seed=1)
    captions = captions_of(batch, 1)
    assert captions == captions_of(batch, 1), "the same whenever it is asked"
    assert len(set(captions)) == 4
    for caption in captions:
        words = caption.split(", ")
        assert words[:2] == ["kafka", "tag 0"]
        assert sorted(words) == sorted(["kafka", *tags])
    assert captions_of(batch, 2) != captions


def test_captions_change_from_epoch_to_epoch() -> None:
    tags = tuple(f"tag {n}" for n in range(15))
    images = train_images(dataset(concept(1, 1, "kafka", tags)), RECIPE)
    said = {
        captions_of(*epoch_batches(images, epoch=epoch, batch_size=1, seed=1), 1)[0]
        for epoch in range(1, 6)
    }
    assert len(said) == 5


def test_more_kept_tokens_than_tags_change_nothing() -> None:
    many = load_recipe("pdxl", {"keep_tokens": 50})
    images = train_images(dataset(concept(2, tags=("a", "b"))), many)
    (batch,) = epoch_batches(images, epoch=1, batch_size=2, seed=1)
    assert captions_of(batch, 1) == ["ohwx, a, b"] * 2


def test_the_order_of_the_listing_decides_nothing_else() -> None:
    """Only the bucket's own members matter: another bucket's pictures do not change its order."""
    square = [image for image in IMAGES if image.bucket == (1024, 1024)]
    others = [image for image in IMAGES if image.bucket != (1024, 1024)]
    Random(1).shuffle(others)

    def groups(images: list[TrainImage]) -> list[tuple[TrainImage, ...]]:
        batches = epoch_batches(images, epoch=1, batch_size=4, seed=1)
        found = [batch.images for batch in batches if batch.bucket == (1024, 1024)]
        return sorted(found, key=lambda group: [str(image.path) for image in group])

    assert groups(square) == groups([*others, *square])
