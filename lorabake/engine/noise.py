"""Noise, and what a step is asked to predict: DDPM's formulas and the usual additions to the noise.

B batch, C = 4 channels, h w latent sizes; t timesteps 0..999, the last one being the noisiest; ā is
alphas_cumprod[t]. Everything random is drawn for (seed, purpose, batch number, slot), so that a batch
cut into parts, another number of workers or a resumed bake sees the same numbers. What the guide's
trainer draws once for a whole batch, the random strengths, is drawn for the batch's number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lorabake.core.errors import RecipeError
from lorabake.core.randomness import derive, rng


def generator(seed: int, purpose: str, *position: int | str) -> torch.Generator:
    """A CPU generator for one random choice; CPU, so that every card draws the same noise."""
    return torch.Generator("cpu").manual_seed(derive(seed, purpose, *position))


def slot_noise(
    shape: Sequence[int], seed: int, purpose: str, number: int, slots: Sequence[int]
) -> Tensor:
    """Normal noise for some slots of batch `number`, each of `shape`: (len(slots), *shape)."""
    return torch.stack(
        [
            torch.randn(tuple(shape), generator=generator(seed, purpose, number, slot))
            for slot in slots
        ]
    )


def draw_noise(shape: Sequence[int], seed: int, purpose: str, step: int) -> Tensor:
    """Normal noise of shape (B, …) for a whole batch; each slot has its own generator."""
    return slot_noise(shape[1:], seed, purpose, step, range(shape[0]))


def draw_timesteps(batch: int, seed: int, step: int, low: int = 0, high: int = 1000) -> Tensor:
    """Uniform whole timesteps in [low, high), one per picture: (B,)."""
    if not 0 <= low < high <= 1000:
        raise RecipeError(
            f"The lowest timestep ({low}) must be below the highest ({high}), both within 0 and 1000. "
            "Change them under Noise Args."
        )
    return torch.stack(
        [
            torch.randint(low, high, (), generator=generator(seed, "timestep", step, slot))
            for slot in range(batch)
        ]
    )


def training_noise(
    shape: Sequence[int],
    seed: int,
    batch_number: int,
    slots: Sequence[int],
    *,
    offset: float = 0.0,
    offset_random: bool = False,
    multires_iterations: int = 0,
    multires_discount: float = 0.3,
) -> Tensor:
    """The noise ε that a step has to predict, with a noise offset or in several sizes: (B, C, h, w).

    shape: of the latents; its last three, (C, h, w), count. slots: which pictures of the batch.
    Raises RecipeError when both an offset and several sizes are asked for, as sd-scripts does.
    """
    if offset and multires_iterations:
        raise RecipeError(
            "Noise offset and multires noise cannot be combined. Set one of them to 0 under Noise Args."
        )
    picture = tuple(shape[-3:])
    noise = slot_noise(picture, seed, "noise", batch_number, slots)
    if offset:
        if offset_random:
            offset *= rng(seed, "noise_offset_strength", batch_number).random()
        level = slot_noise((picture[0], 1, 1), seed, "noise_offset", batch_number, slots)
        noise = noise + offset * level
    if multires_iterations:
        noise = torch.stack(
            [
                pyramid_noise(
                    one,
                    multires_iterations,
                    multires_discount,
                    generator(seed, "multires_noise", batch_number, slot),
                    rng(seed, "multires_ratio", batch_number, slot),
                )
                for one, slot in zip(noise, slots, strict=True)
            ]
        )
    return noise


def pyramid_noise(
    noise: Tensor, iterations: int, discount: float, draws: torch.Generator, ratios: random.Random
) -> Tensor:
    """Noise of several sizes for one picture, brought back to a deviation of 1: (C, h, w).

    Whitaker's multi-resolution noise as sd-scripts has it: size i is (h/rⁱ, w/rⁱ) with a new r in
    [2, 4) each time and counts discountⁱ; it ends where a side is one pixel. There, the r's and the
    deviation belong to the whole batch; here to the picture, so that its noise does not depend on
    its neighbours.
    """
    channels, height, width = noise.shape
    total = noise
    for i in range(iterations):
        shrink = ratios.uniform(2, 4) ** i
        h, w = max(1, int(height / shrink)), max(1, int(width / shrink))
        small = torch.randn((1, channels, h, w), generator=draws)
        large = F.interpolate(small, size=(height, width), mode="bilinear")[0]
        total = total + large * discount**i
        if 1 in (h, w):
            break
    return total / total.std()


def input_noise(
    noise: Tensor,
    seed: int,
    batch_number: int,
    slots: Sequence[int],
    *,
    gamma: float,
    random_strength: bool = False,
) -> Tensor:
    """What is mixed into the latents: ε, or with IP noise ε + γ·ε′; ε stays the target: (B, C, h, w).

    random_strength: γ times a number from [0, 1), one for the whole batch as in sd-scripts.
    noise may be on any device; the fresh noise is drawn on the CPU.
    """
    if not gamma:
        return noise
    if random_strength:
        gamma *= rng(seed, "ip_noise_strength", batch_number).random()
    fresh = slot_noise(noise.shape[1:], seed, "ip_noise", batch_number, slots)
    return perturbed(noise, gamma, fresh.to(noise))


def perturbed(noise: Tensor, gamma: float, fresh: Tensor) -> Tensor:
    """Input perturbation (Ning et al., arXiv 2301.11706): ε + γ·ε′ goes in, ε stays the target."""
    return noise + gamma * fresh


def add_noise(latents: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """√ā·x₀ + √(1−ā)·ε for (B, C, h, w) and ā of each picture (B,)."""
    keep, spoil = _roots(abar, latents)
    return keep * latents + spoil * noise


def velocity(latents: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """√ā·ε − √(1−ā)·x₀, what a v-prediction model is asked for (Salimans & Ho, arXiv 2202.00512).

    latents, noise and result: (B, C, h, w); ā of each picture: (B,). ε is the noise without IP noise.
    """
    keep, spoil = _roots(abar, latents)
    return keep * noise - spoil * latents


def _roots(abar: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """√ā and √(1−ā), each (B, 1, 1, 1), where and as `like` is."""
    column = abar.view(-1, 1, 1, 1)
    return column.sqrt().to(like), (1 - column).sqrt().to(like)


def zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """ā of a schedule moved so that the last step is pure noise (Lin et al., arXiv 2305.08891).

    √ā is shifted until its last value is 0, then stretched until its first one is what it was.
    (1000,) → (1000,), the last value exactly 0.
    """
    root = alphas_cumprod.double().sqrt()
    first, last = root[0], root[-1]
    root = (root - last) * (first / (first - last))
    return root.square().to(alphas_cumprod)


def signal_to_noise(abar: Tensor) -> Tensor:
    """SNR = ā / (1 − ā)."""
    return abar / (1 - abar)
