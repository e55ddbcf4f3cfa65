"""The loss of pictures that are not trained on, always with the same noise at the same noise levels.

A training loss jumps about with the noise level that chance chose; this one does not, so two epochs
can be compared. The four levels are those of sd-scripts' validation (200, 400, 600 and 800).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lorabake.engine.fixed_noise import fixed_losses
from lorabake.engine.noise import draw_noise
from lorabake.recipe.pictures import caption_as_written
from lorabake.train.batches import Batch, TrainImage

if TYPE_CHECKING:
    from lorabake.train.oven import Oven

TIMESTEPS = (200, 400, 600, 800)
MOST_MEASURED = 64  # pictures; more would cost time and say no more


@dataclass(frozen=True)
class Measured:
    """loss: the mean over all held-out pictures and noise levels; by_timestep: for each level."""

    loss: float
    by_timestep: tuple[float, ...]


def held_out_batches(images: Sequence[TrainImage], batch_size: int) -> list[Batch]:
    """The held-out pictures in batches of one bucket, always the same ones."""
    chosen = sorted({image.path: image for image in images}.values(), key=lambda i: i.sha256)
    buckets: dict[tuple[int, int], list[TrainImage]] = {}
    for image in chosen[:MOST_MEASURED]:
        buckets.setdefault(image.bucket, []).append(image)
    groups = [
        members[start : start + batch_size]
        for _, members in sorted(buckets.items())
        for start in range(0, len(members), batch_size)
    ]
    return [Batch(number, tuple(group)) for number, group in enumerate(groups)]


@torch.no_grad()
def measure(oven: Oven, batches: Sequence[Batch]) -> Measured:
    """The loss of the held-out pictures with the network as it is; plain, without any weighting.

    Latents are the middle of the posterior and captions are as written: nothing is left to chance.
    """
    model = oven.model
    sums = dict.fromkeys(TIMESTEPS, 0.0)
    pictures = 0
    for batch in batches:
        latents = oven.middle_latents(batch).to(model.device)  # (B, 4, h, w)
        noise = draw_noise(latents.shape, oven.recipe.general.seed, "validation", batch.number)
        noise = noise.to(model.device)
        captions = [caption_as_written(image.lines, image.captions) for image in batch.images]
        pictures += len(captions)
        with oven.autocast():
            conditioning = oven.encode(captions)
            time_ids = oven.time_ids(batch, range(len(captions)))
            for timestep in TIMESTEPS:
                times = torch.full((len(captions),), timestep)
                each = fixed_losses(
                    model, latents, noise, times, conditioning, time_ids, oven.alphas_cumprod
                )
                sums[timestep] += float(each.sum())
    means = tuple(total / pictures for total in sums.values())
    return Measured(sum(means) / len(means), means)
