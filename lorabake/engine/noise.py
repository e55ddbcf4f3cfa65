"""Noise, and what a step is asked to predict. Formulas of DDPM and min-SNR, one function each.

B batch, h w latent sizes; t timesteps 0..999, the last one being the noisiest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lorabake.core.randomness import derive


def generator(seed: int, purpose: str, *position: int | str) -> torch.Generator:
    """A CPU generator for one random choice; CPU, so that every card draws the same noise."""
    return torch.Generator("cpu").manual_seed(derive(seed, purpose, *position))


def draw_noise(shape: Sequence[int], seed: int, purpose: str, step: int) -> Tensor:
    """Normal noise of shape (B, …); each slot of the batch has its own generator."""
    return torch.stack(
        [
            torch.randn(tuple(shape[1:]), generator=generator(seed, purpose, step, slot))
            for slot in range(shape[0])
        ]
    )


def draw_timesteps(batch: int, seed: int, step: int, low: int = 0, high: int = 1000) -> Tensor:
    """Uniform whole timesteps in [low, high), one per picture: (B,)."""
    return torch.stack(
        [
            torch.randint(low, high, (), generator=generator(seed, "timestep", step, slot))
            for slot in range(batch)
        ]
    )


def add_noise(latents: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """√ā·x₀ + √(1−ā)·ε for (B, 4, h, w) and ā of each picture (B,)."""
    keep = abar.sqrt().view(-1, 1, 1, 1).to(latents)
    spoil = (1 - abar).sqrt().view(-1, 1, 1, 1).to(latents)
    return keep * latents + spoil * noise


def perturbed(noise: Tensor, gamma: float, fresh: Tensor) -> Tensor:
    """Input perturbation (Ning et al., arXiv 2301.11706): ε + γ·ε′ goes in, ε stays the target."""
    return noise + gamma * fresh


def signal_to_noise(abar: Tensor) -> Tensor:
    """SNR = ā / (1 − ā)."""
    return abar / (1 - abar)


def min_snr_weight(snr: Tensor, gamma: float) -> Tensor:
    """Weight of each picture's loss for noise prediction (Hang et al., arXiv 2303.09556): (B,)."""
    return snr.clamp(max=gamma) / snr
