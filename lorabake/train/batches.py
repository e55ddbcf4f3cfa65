"""Which pictures make up which batch, how they look and what they are called: from the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import ceil
from pathlib import Path

from lorabake.core.buckets import Size
from lorabake.core.concept_settings import overridden
from lorabake.core.dataset import Dataset
from lorabake.core.randomness import rng, shuffled
from lorabake.core.training_caption import Moment, training_caption
from lorabake.recipe.pictures import Picture, held_out_pictures, training_pictures
from lorabake.recipe.plan import fit_of
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.settings import AugmentSettings, CaptionSettings

COLOUR_CHANCE = 0.33  # of a picture with colour_aug to be changed; half of these in hue
HUE_SHIFT = 16.0  # degrees at most, to either side
GAMMA = (0.95, 1.05)


@dataclass(frozen=True)
class TrainImage:
    """A picture on its way into the oven. Sizes are (width, height) in px; size is the file's.

    resized: what it is resized to before `bucket` is cut out of it. lines: of its caption file.
    captions, augment: the recipe's, with what the picture's folder wants differently.
    loss_weight: of its loss in a batch. masks: the folder that may hold its mask.
    """

    path: Path
    sha256: str
    size: Size
    bucket: Size
    resized: Size
    repeats: int
    lines: tuple[str, ...]
    captions: CaptionSettings = field(default_factory=CaptionSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    loss_weight: float = 1.0
    masks: Path | None = None

    @property
    def fixed(self) -> bool:
        """Does it always look the same, up to mirroring, so that its latent can be kept?"""
        return not (self.augment.color_aug or self.augment.random_crop)


@dataclass(frozen=True)
class Batch:
    """Pictures of one bucket that are trained together.

    number: counts batches from the start of the bake; all randomness inside hangs on it.
    epoch: from 1. step: the optimizer step it belongs to, from 0.
    """

    number: int
    images: tuple[TrainImage, ...]
    epoch: int = 1
    step: int = 0

    @property
    def bucket(self) -> Size:
        return self.images[0].bucket


@dataclass(frozen=True)
class View:
    """How a picture is seen once.

    corner: left and top of the cut in px, None for the middle. hue: degrees that colours are
    turned. gamma: exponent of brightness.
    """

    image: TrainImage
    flipped: bool = False
    corner: Size | None = None
    hue: float = 0.0
    gamma: float = 1.0


def train_images(dataset: Dataset, recipe: Recipe) -> list[TrainImage]:
    """The pictures that are trained on, with their buckets and repeats; regularisation last."""
    return _placed(training_pictures(dataset, recipe), recipe)


def validation_images(dataset: Dataset, recipe: Recipe) -> list[TrainImage]:
    """The pictures that are held out; never varied, so that every measurement sees the same."""
    still = replace(recipe.augment, flip_aug=False, color_aug=False, random_crop=False)
    images = _placed(held_out_pictures(dataset, recipe), recipe)
    return [replace(image, augment=still) for image in images]


def _placed(pictures: Sequence[Picture], recipe: Recipe) -> list[TrainImage]:
    fit = fit_of(recipe)
    images = []
    for picture in pictures:
        image, concept = picture.image, picture.concept
        size = (image.width, image.height)
        place = fit(size)
        images.append(
            TrainImage(
                path=image.path,
                sha256=image.sha256,
                size=size,
                bucket=place.bucket,
                resized=place.resized,
                repeats=picture.repeats,
                lines=image.lines,
                captions=overridden(recipe.captions, concept.settings),
                augment=overridden(recipe.augment, concept.settings),
                loss_weight=recipe.general.prior_loss_weight if concept.is_reg else 1.0,
                masks=concept.masks,
            )
        )
    return images


def epoch_batches(
    images: Sequence[TrainImage], *, epoch: int, batch_size: int, seed: int, accumulation: int = 1
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
    first, first_step = (epoch - 1) * len(groups), (epoch - 1) * ceil(len(groups) / accumulation)
    mixed = shuffled(groups, seed, "batches", epoch)
    return [
        Batch(first + place, group, epoch, first_step + place // accumulation)
        for place, group in enumerate(mixed)
    ]


def steps_of(batches: Sequence[Batch], accumulation: int) -> list[list[Batch]]:
    """Batches grouped into optimizer steps; the last step of an epoch may have fewer."""
    return [
        list(batches[start : start + accumulation])
        for start in range(0, len(batches), accumulation)
    ]


def captions_of(batch: Batch, seed: int, total_steps: int = 0) -> list[str]:
    """What each picture of the batch is called this time. total_steps: of the bake."""
    when = Moment(batch.step, total_steps, batch.epoch)
    return [
        training_caption(
            image.lines, image.captions, rng=rng(seed, "caption", batch.number, slot), when=when
        )
        for slot, image in enumerate(batch.images)
    ]


def view_of(batch: Batch, slot: int, seed: int) -> View:
    """How a picture of the batch is seen this time: mirrored or not, cut where, in which colours."""
    image = batch.images[slot]
    augment, place = image.augment, (batch.number, slot)
    flipped = augment.flip_aug and rng(seed, "flip", *place).random() < 0.5
    corner = None
    if augment.random_crop:
        draw = rng(seed, "crop", *place)
        room = image.resized[0] - image.bucket[0], image.resized[1] - image.bucket[1]
        corner = draw.randint(0, room[0]), draw.randint(0, room[1])
    hue, gamma = _colour(seed, place) if augment.color_aug else (0.0, 1.0)
    return View(image, flipped, corner, hue, gamma)


def _colour(seed: int, place: tuple[int, int]) -> tuple[float, float]:
    """Hue and gamma as the guide's trainer draws them: rarely, and never both."""
    draw = rng(seed, "colour", *place)
    if draw.random() > COLOUR_CHANCE:
        return 0.0, 1.0
    if draw.random() > 0.5:
        return draw.uniform(-HUE_SHIFT, HUE_SHIFT), 1.0
    return 0.0, draw.uniform(*GAMMA)
