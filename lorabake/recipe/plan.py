"""What a bake will be, counted before it starts and exactly as the trainer counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from lorabake.core.buckets import (
    Bucket,
    Size,
    bucket_resolutions,
    fill_buckets,
    select_bucket,
    square_side,
)
from lorabake.core.dataset import Dataset
from lorabake.core.errors import RecipeError
from lorabake.engine.schedules import Shape, learning_rate
from lorabake.recipe.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """The length of a bake.

    images: distinct pictures. seen_per_epoch: with repeats (the guide's T).
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

    def to_mapping(self) -> dict[str, Any]:
        """For `--json`, events and metadata; T under the guide's letter too."""
        mapping = asdict(self)
        mapping["buckets"] = [asdict(bucket) for bucket in self.buckets]
        return {"T": self.seen_per_epoch, **mapping}


def buckets_of(recipe: Recipe) -> list[Size]:
    """The bucket sizes a recipe allows, sorted; one square when buckets are off."""
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
    general = recipe.general
    sizes = [
        ((image.width, image.height), concept.repeats)
        for concept in dataset.concepts
        for image in concept.images
    ]
    filled = fill_buckets(sizes, buckets_of(recipe), general.batch_size)
    batches = sum(bucket.batches for bucket in filled)
    steps = ceil(batches / general.gradient_accumulation_steps)
    seen = sum(repeats for _, repeats in sizes)
    total = steps * general.epochs
    return Plan(
        images=len(sizes),
        seen_per_epoch=seen,
        buckets=tuple(filled),
        epochs=general.epochs,
        batches_per_epoch=batches,
        steps_per_epoch=steps,
        total_steps=total,
        simple_steps=round(seen * general.epochs / general.batch_size),
        warmup_steps=warmup_steps(total, recipe),
        files=ceil(general.epochs / recipe.saving.save_every_n_epochs),
    )


def warmup_steps(total_steps: int, recipe: Recipe) -> int:
    """Steps that rise from 0: the ratio of the total, rounded."""
    return round(total_steps * recipe.optimizer.warmup_ratio)


def rate_at(step: int, total_steps: int, peak: float, recipe: Recipe) -> float:
    """The learning rate of one step (from 0) for a group whose own rate is `peak`."""
    optimizer = recipe.optimizer
    shape = Shape(
        total=total_steps,
        warmup=warmup_steps(total_steps, recipe),
        cycles=optimizer.lr_scheduler_num_cycles,
        floor=optimizer.min_lr,
        decay=optimizer.restart_decay,
        d=optimizer.rex_d,
    )
    return learning_rate(optimizer.lr_scheduler, step, peak, shape)


def learning_rates(plan: Plan, recipe: Recipe) -> dict[str, list[float]]:
    """The rate of every step for the U-Net and the text encoders; [] for what does not train."""
    optimizer = recipe.optimizer
    peaks = {
        "unet": optimizer.unet_lr if recipe.unet_trains else 0.0,
        "text_encoder": optimizer.text_encoder_lr if recipe.text_encoder_trains else 0.0,
    }
    return {
        name: [rate_at(step, plan.total_steps, peak, recipe) for step in range(plan.total_steps)]
        if peak
        else []
        for name, peak in peaks.items()
    }


def bucket_of(size: Size, recipe: Recipe) -> Size:
    """Where a picture of this size (width, height) goes."""
    return select_bucket(size, buckets_of(recipe))
