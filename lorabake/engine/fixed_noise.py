"""The loss of pictures at noise and noise levels that are given, not drawn: what measuring needs.

B pictures, h w latents, K levels of noise for each picture
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lorabake.core.randomness import rng
from lorabake.engine.noise import add_noise, generator, velocity

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model
    from lorabake.engine.families.prompts import Conditioning

GOLDEN = 0.6180339887498949  # steps of this share of 1 spread most evenly, however many there are


def fixed_losses(
    model: Model,
    latents: Tensor,
    noise: Tensor,
    timesteps: Tensor,
    conditioning: Conditioning,
    time_ids: Tensor | None,
    alphas_cumprod: Tensor,
) -> Tensor:
    """The plain squared error of each picture's prediction, without any weighting: (B,), fp32.

    latents, noise: (B, 4, h, w) on the model's device; timesteps: (B,) on the CPU; alphas_cumprod:
    the model's (1000,) on the CPU.
    """
    device = latents.device
    abar = alphas_cumprod[timesteps].to(device)
    predicted = model.predict(
        add_noise(latents, noise, abar), timesteps.to(device), conditioning, time_ids
    )
    target = velocity(latents, noise, abar) if model.prediction == "v" else noise
    return (predicted.float() - target).square().mean(dim=(1, 2, 3))


def spread_timesteps(count: int, levels: int, seed: int, purpose: str) -> list[list[int]]:
    """For each of `count` pictures one timestep in each of `levels` equal parts of 0..999.

    Where in its part is moved on from picture to picture, so that all of them together cover the
    noise levels evenly: far less chance in the mean than with timesteps drawn freely.
    """
    start = rng(seed, purpose).random()
    places = [(start + number * GOLDEN) % 1 for number in range(count)]
    return [[int((level + at) / levels * 1000) for level in range(levels)] for at in places]


def picture_noise(shape: Sequence[int], seed: int, purpose: str, name: str, level: int) -> Tensor:
    """Noise that belongs to a picture (by its name) and a level, whatever stands beside it."""
    return torch.randn(tuple(shape), generator=generator(seed, purpose, name, level))
