"""Advice about the pictures: usable, large enough, from all sides, not painted by models."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from lorabake.core.angles import missing
from lorabake.core.dataset import Dataset
from lorabake.recipe.advice.advice import Advice, setting_fix
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.share import MOST_GENERATED, generated_share

ENLARGED: Final = 1.25  # a side that grows by more is soft, and is learned soft
MANY_ENLARGED: Final = 1 / 3  # of the pictures
LEAST_FOR_ANGLES: Final = 10  # pictures; with fewer one takes what there is


def about_pictures(
    dataset: Dataset, recipe: Recipe, generated: Collection[str] | None = None
) -> Iterator[Advice]:
    """generated: sha256 of pictures that a model painted; None looks into the dataset's sources."""
    if not dataset.images:
        yield Advice(
            "stop",
            "There are no pictures to train on. Add some under Project first.",
            "pictures.none",
        )
    elif all(concept.is_reg for concept in dataset.concepts):
        yield Advice(
            "stop",
            "Every folder is marked as regularisation. Leave the one to learn unmarked.",
            "pictures.all_reg",
        )
    unreadable = sum(problem.level == "error" for problem in dataset.problems)
    if unreadable:
        yield Advice(
            "warn",
            f"{unreadable} files cannot be used; Project names each with its reason.",
            "pictures.unreadable",
        )
    yield from _small(dataset, recipe)
    yield from _angles(dataset, recipe)
    yield from _generated(dataset, generated)


def _small(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    resolution = recipe.general.resolution
    if recipe.bucket.enable_bucket and recipe.bucket.bucket_no_upscale:
        return
    least = (resolution / ENLARGED) ** 2
    small = sum(image.width * image.height < least for image in dataset.images)
    if not small or small <= MANY_ENLARGED * len(dataset.images):
        return
    lower = recipe.family == "sd15" and resolution > 512
    yield Advice(
        "warn",
        f"{small} of {len(dataset.images)} pictures are smaller than the resolution of {resolution} px "
        "and are enlarged, so that their softness is learned. Improve their quality first, or lower "
        "the resolution.",
        "resolution.above",
        "The guide: 1024 for PDXL and Illustrious, 768 or 512 for NAI 1.5; upscaling is needed only "
        "for more than 512.",
        setting_fix(general__resolution=768 if resolution > 768 else 512) if lower else None,
    )


def _angles(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    """Only where there is a trigger word: a style has no side to be seen from."""
    captions = [
        image.caption.tags
        for concept in dataset.concepts
        if not concept.is_reg
        for image in concept.images
        if image.caption.tags
    ]
    if len(captions) < LEAST_FOR_ANGLES or not recipe.captions.keep_tokens:
        return
    lacking = [need for need in missing(captions) if need.group == "angle" and not need.is_met]
    wanted = [need.kind for need in lacking if need.kind in ("from side", "from behind")]
    if not wanted:
        return
    has = " and ".join(f"{need.have} {need.kind}" for need in lacking if need.kind in wanted)
    yield Advice(
        "hint",
        f"Of {len(captions)} pictures only {has}. Look for more, or the model has to guess.",
        "angles.few",
        "The guide: try other angles like from side and from behind, so that it doesn't have to guess "
        "what they look like. Curating counts all of them.",
    )


def _generated(dataset: Dataset, generated: Collection[str] | None) -> Iterator[Advice]:
    share = generated_share(dataset, generated)
    if not share.is_over():
        return
    yield Advice(
        "warn",
        f"{share.percent:.0f}% of what an epoch shows was painted by a model. Keep the best, and lower their "
        "repeats, or their mistakes are learned as well.",
        "generated.share",
        "The guide: choose your best generations, and inspect them carefully: don't make your next "
        f"generations worse. {MOST_GENERATED}% is our own limit; the guide names none.",
    )
