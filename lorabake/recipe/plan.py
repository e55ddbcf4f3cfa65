"""What a bake will be, counted before it starts and exactly as the trainer counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from typing import Any

from lorabake.core.buckets import (
    Bucket,
    Fit,
    Size,
    bucket_resolutions,
    fill_buckets,
    fit_into,
    fit_without_enlarging,
    square_side,
)
from lorabake.core.dataset import Dataset
from lorabake.core.errors import RecipeError
from lorabake.engine.optimizers import schedule_of
from lorabake.engine.schedules import Shape, learning_rate
from lorabake.recipe.pictures import Picture, held_out_pictures, training_pictures
from lorabake.recipe.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """The length of a bake.

    images: distinct pictures that are trained on. seen_per_epoch: with repeats (the guide's T).
    reg_images: regularisation pictures that an epoch shows, repeats counted; in `buckets` too.
    validation_images: held out, in none of the other figures.
    epochs: begun ones, the last of which may be cut short by max_train_steps.
    steps_per_epoch: optimizer steps; batches never mix buckets, so partial batches are counted.
    simple_steps: the guide's sum, T × epochs ÷ batch size, rounded.
    files: LoRA files that will be written.
    """

    images: int
    seen_per_epoch: int
    buckets: tuple[Bucket, ...]
    epochs: int
    batches_per_epoch: int
    steps_per_epoch: int
    total_steps: int
    simple_steps: int
    warmup_steps: int
    files: int
    reg_images: int = 0
    validation_images: int = 0

    def to_mapping(self) -> dict[str, Any]:
        """For `--json`, events and metadata; T under the guide's letter too."""
        mapping = asdict(self)
        mapping["buckets"] = [asdict(bucket) for bucket in self.buckets]
        return {"T": self.seen_per_epoch, **mapping}


def buckets_of(recipe: Recipe) -> list[Size]:
    """The bucket sizes a recipe allows, sorted; one square when buckets are off.

    With bucket_no_upscale this list does not count: see `fit_of`.
    """
    bucket, resolution = recipe.bucket, recipe.general.resolution
    step = bucket.bucket_reso_steps
    if not bucket.enable_bucket:
        side = square_side(resolution, step)
        return [(side, side)]
    if bucket.min_bucket_reso > bucket.max_bucket_reso:
        raise RecipeError(
            f"The minimum bucket resolution ({bucket.min_bucket_reso}) is above the maximum "
            f"({bucket.max_bucket_reso}). Swap them under Bucket Args."
        )
    if resolution < step:
        raise RecipeError(
            f"The resolution ({resolution} px) is smaller than the bucket steps ({step} px). "
            "Raise the one or lower the other."
        )
    if resolution > ceil(bucket.max_bucket_reso / step) * step:
        raise RecipeError(
            f"The resolution ({resolution} px) is above the maximum bucket resolution "
            f"({bucket.max_bucket_reso} px). Raise the one or lower the other."
        )
    return bucket_resolutions(
        resolution, minimum=bucket.min_bucket_reso, maximum=bucket.max_bucket_reso, step=step
    )


def make_plan(dataset: Dataset, recipe: Recipe) -> Plan:
    """The plan for a dataset and a recipe; an empty dataset gives a plan of 0 steps."""
    pictures = training_pictures(dataset, recipe)
    filled = _filled(pictures, recipe, fit_of(recipe))
    batches = sum(bucket.batches for bucket in filled)
    steps = ceil(batches / recipe.general.gradient_accumulation_steps)
    trained = [picture for picture in pictures if not picture.is_reg]
    seen = sum(picture.repeats for picture in trained)
    reg_seen = sum(picture.repeats for picture in pictures if picture.is_reg)
    epochs, total = _length(steps, recipe)
    return Plan(
        images=len(trained),
        seen_per_epoch=seen,
        buckets=tuple(filled),
        epochs=epochs,
        batches_per_epoch=batches,
        steps_per_epoch=steps,
        total_steps=total,
        simple_steps=round((seen + reg_seen) * epochs / recipe.general.batch_size),
        warmup_steps=warmup_steps(total, recipe),
        files=ceil(epochs / recipe.saving.save_every_n_epochs),
        reg_images=reg_seen,
        validation_images=len(held_out_pictures(dataset, recipe)),
    )


def steps_per_epoch(dataset: Dataset, recipe: Recipe, fit: Callable[[Size], Fit]) -> int:
    """The plan's, and nothing else, for those who try many. fit: as `fit_of` gives it."""
    filled = _filled(training_pictures(dataset, recipe), recipe, fit)
    batches = sum(bucket.batches for bucket in filled)
    return ceil(batches / recipe.general.gradient_accumulation_steps)


def _filled(
    pictures: Sequence[Picture], recipe: Recipe, fit: Callable[[Size], Fit]
) -> list[Bucket]:
    return fill_buckets(
        ((fit((p.image.width, p.image.height)).bucket, p.repeats) for p in pictures),
        recipe.general.batch_size,
    )


def _length(steps_per_epoch: int, recipe: Recipe) -> tuple[int, int]:
    """Epochs begun, and steps; max_train_steps counts instead of the epochs when it is given."""
    general = recipe.general
    if general.max_train_steps and steps_per_epoch:
        return ceil(general.max_train_steps / steps_per_epoch), general.max_train_steps
    return general.epochs, steps_per_epoch * general.epochs


def warmup_steps(total_steps: int, recipe: Recipe) -> int:
    """Steps that rise from 0: as many as asked for, else the ratio of the total, rounded."""
    optimizer = recipe.optimizer
    asked = optimizer.warmup_steps or round(total_steps * optimizer.warmup_ratio)
    return min(asked, total_steps)


def peak_rate(group: str, recipe: Recipe) -> float:
    """The learning rate a group is scaled from; 0 for what does not train.

    group: "unet", "text_encoder_1" or "text_encoder_2".
    """
    optimizer = recipe.optimizer
    if group == "unet":
        return optimizer.unet_lr if recipe.unet_trains else 0.0
    if not recipe.network.train_text_encoder:
        return 0.0
    return recipe.text_encoder_2_rate if group == "text_encoder_2" else optimizer.text_encoder_lr


def rate_at(step: int, total_steps: int, group: str, recipe: Recipe) -> float:
    """The learning rate of one step (from 0) for a group; see `peak_rate` for their names."""
    optimizer = recipe.optimizer
    shape = Shape(
        total=total_steps,
        warmup=warmup_steps(total_steps, recipe),
        cycles=optimizer.lr_scheduler_num_cycles,
        floor=optimizer.min_lr,
        decay=optimizer.restart_decay,
        d=optimizer.rex_d,
        power=optimizer.lr_scheduler_power,
        exact=recipe.general.kohya_exact,
    )
    name = schedule_of(optimizer.type, optimizer.lr_scheduler)
    return learning_rate(name, step, peak_rate(group, recipe), shape)


def learning_rates(plan: Plan, recipe: Recipe) -> dict[str, list[float]]:
    """The rate of every step for the U-Net and the text encoders; [] for what does not train."""
    groups = {
        "unet": "unet",
        "text_encoder": "text_encoder_1",
        "text_encoder_2": "text_encoder_2" if recipe.family == "sdxl" else "",
    }
    total = plan.total_steps
    return {
        name: [rate_at(step, total, group, recipe) for step in range(total)]
        if group and peak_rate(group, recipe)
        else []
        for name, group in groups.items()
    }


def fit_of(recipe: Recipe) -> Callable[[Size], Fit]:
    """How this recipe places a picture of a given size (width, height); many have the same one."""
    buckets, bucket = buckets_of(recipe), recipe.bucket
    resolution, step = recipe.general.resolution, bucket.bucket_reso_steps
    if bucket.enable_bucket and bucket.bucket_no_upscale:
        return cache(lambda size: fit_without_enlarging(size, resolution=resolution, step=step))
    return cache(lambda size: fit_into(size, buckets))


def bucket_of(size: Size, recipe: Recipe) -> Size:
    """Where a picture of this size (width, height) goes."""
    return fit_of(recipe)(size).bucket
