"""Standard latents: mean 0 and spread 1 in every channel, written into the VAE's own weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .pool import Pixels, cached_pixels

logger = logging.getLogger(__name__)


@torch.no_grad()
def encode(vae: Any, pictures: Pixels, batch: int = 100) -> Tensor:
    """The posterior's mean and standard deviation side by side: float16 (N, 8, 16, 16)."""
    parts = []
    for start in range(0, len(pictures), batch):
        pixels = torch.from_numpy(pictures[start : start + batch]).float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(pixels).latent_dist
        parts.append(torch.cat([posterior.mean, posterior.std], 1).half())
    return torch.cat(parts)


@torch.no_grad()
def whiten(vae: Any, pictures: Pixels) -> None:
    """Folds the latents' mean and spread into the two 1x1 convolutions beside them.

    After it scaling_factor is 1.0, and no code that uses the VAE has to know about it.
    """
    mean_maps = encode(vae, pictures)[:, :4].float()
    mean = mean_maps.mean((0, 2, 3))
    spread = mean_maps.std((0, 2, 3))
    logger.info("latents before: mean %s, spread %s", mean.tolist(), spread.tolist())
    into, out = vae.quant_conv, vae.post_quant_conv
    into.weight[:4] /= spread[:, None, None, None]
    into.bias[:4] = (into.bias[:4] - mean) / spread
    into.bias[4:] -= 2 * spread.log()  # the posterior's log variance
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= spread[None, :, None, None]


def cached_latents(cache: Path, vae: Any, count: int, seed: int) -> Tensor:
    """encode() of `count` uncluttered drawings, kept in a file between runs."""
    file = cache / f"latents-{seed}-{count}.npy"
    if not file.exists():
        logger.info("encoding %d drawings", count)
        np.save(file, encode(vae, cached_pixels(cache, count, seed)).numpy())
    return torch.from_numpy(np.load(file))
