"""Which pictures make up which batch, in which order, with which words: all from the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lorabake.core.buckets import Size, select_bucket
from lorabake.core.caption import training_caption
from lorabake.core.dataset import Dataset
from lorabake.core.randomness import rng, shuffled
from lorabake.recipe.plan import buckets_of
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.settings import CaptionSettings


@dataclass(frozen=True)
class TrainImage:
    """A picture on its way into the oven. Sizes are (width, height) in px; size is the file's."""

    path: Path
    sha256: str
    size: Size
    bucket: Size
    repeats: int
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Pictures of one bucket that are trained together.

    number: counts batches from the start of the bake; all randomness inside hangs on it.
    """

    number: int
    images: tuple[TrainImage, ...]

    @property
    def bucket(self) -> Size:
        return self.images[0].bucket


def train_images(dataset: Dataset, recipe: Recipe) -> list[TrainImage]:
    """The pictures of a dataset with their buckets and repeats."""
    buckets = buckets_of(recipe)
    return [
        TrainImage(
            path=image.path,
            sha256=image.sha256,
            size=(image.width, image.height),
            bucket=select_bucket((image.width, image.height), buckets),
            repeats=concept.repeats,
            tags=image.caption.tags,
        )
        for concept in dataset.concepts
        for image in concept.images
    ]


def epoch_batches(
    images: Sequence[TrainImage], *, epoch: int, batch_size: int, seed: int
) -> list[Batch]:
    """The batches of one epoch (from 1), shuffled within each bucket and among each other.

    A batch never mixes buckets, so each bucket may end in a smaller one.
    """
    by_bucket: dict[Size, list[TrainImage]] = {}
    for image in images:
        by_bucket.setdefault(image.bucket, []).extend([image] * image.repeats)
    groups: list[tuple[TrainImage, ...]] = []
    for bucket, members in sorted(by_bucket.items()):
        order = iter(shuffled(members, seed, "order", epoch, *bucket))
        while group := tuple(islice(order, batch_size)):
            groups.append(group)
    first = (epoch - 1) * len(groups)
    mixed = shuffled(groups, seed, "batches", epoch)
    return [Batch(first + place, group) for place, group in enumerate(mixed)]


def steps_of(batches: Sequence[Batch], accumulation: int) -> list[list[Batch]]:
    """Batches grouped into optimizer steps; the last step of an epoch may have fewer."""
    return [
        list(batches[start : start + accumulation])
        for start in range(0, len(batches), accumulation)
    ]


def captions_of(batch: Batch, settings: CaptionSettings, seed: int) -> list[str]:
    """What each picture of the batch is called this time."""
    return [
        training_caption(
            image.tags,
            keep_tokens=settings.keep_tokens,
            shuffle=settings.shuffle_caption,
            rng=rng(seed, "caption", batch.number, slot),
        )
        for slot, image in enumerate(batch.images)
    ]
