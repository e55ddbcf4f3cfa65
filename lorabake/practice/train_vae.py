"""First stage of the build: the autoencoder, on drawings with foreign shapes among them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .latents import whiten
from .models import new_part
from .muon import Both, is_matrix
from .pool import cached_pixels
from .stage import Average, Progress, cosine, prepare

logger = logging.getLogger(__name__)

# B batch; pictures are (B, 3, 64, 64) between -1 and 1; latents (B, 4, 16, 16)


@dataclass(frozen=True, kw_only=True)
class VaeSettings:
    """kl: weight of the mean KL divergence per latent number; small, the latents are whitened later."""

    steps: int = 1700
    batch: int = 16
    muon_lr: float = 0.015
    adam_lr: float = 2e-3
    kl: float = 2e-4
    pool: int = 24000
    clutter: float = 0.65
    seed: int = 1


def train_vae(cache: Path, settings: VaeSettings) -> None:
    """Leaves vae.pt, the averaged weights with standard latents, in the cache folder."""
    prepare(settings.seed)
    vae: Any = new_part("vae").train()
    _start_certain(vae)
    pictures = torch.from_numpy(
        cached_pixels(cache, settings.pool, settings.seed, clutter=settings.clutter)
    )
    optimizer = _optimizer(vae, settings)
    average = Average(vae, 0.995)
    progress = Progress(cache, "vae", settings.steps)
    if state := progress.load():
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.values = state["average"]
    for step in range(progress.first, settings.steps):
        # derived from the step alone, so that a resumed build makes the same batches
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        chosen = torch.randint(len(pictures), (settings.batch,), generator=chance)
        pixels = pictures[chosen].float() / 127.5 - 1
        loss, squared = vae_loss(vae, pixels, settings.kl, chance)
        loss.backward()
        optimizer.step(cosine(step, settings.steps))
        average.update(vae, step)
        done = step + 1
        if done % 50 == 0:
            progress.note(done, loss=loss.item(), psnr=decibels(squared))
        if progress.due(done):
            both = {"model": vae.state_dict(), "average": average.values}
            progress.save(done, {**both, "optimizer": optimizer.state_dict()})
    vae.load_state_dict(average.weights(vae))
    whiten(vae.eval(), pictures[:3000].numpy())
    torch.save(vae.state_dict(), cache / "vae.pt")


def _optimizer(vae: Any, settings: VaeSettings) -> Both:
    named = list(vae.named_parameters())
    return Both(
        [param for name, param in named if is_matrix(name, param)],
        [param for name, param in named if not is_matrix(name, param)],
        muon_lr=settings.muon_lr,
        adam_lr=settings.adam_lr,
    )


def _start_certain(vae: Any) -> None:
    """Small posterior spread from the start, or the first steps drown in sampling noise."""
    with torch.no_grad():
        vae.quant_conv.bias[4:] = -4


def vae_loss(vae: Any, pixels: Tensor, kl: float, chance: torch.Generator) -> tuple[Tensor, float]:
    """The loss, and the mean squared error of the reconstruction on the -1 to 1 scale."""
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(pixels).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=chance)
        rebuilt = vae.decode(posterior.mean + posterior.std * noise).sample
    rebuilt = rebuilt.float()
    error = (rebuilt - pixels) * face_weight(pixels)
    squared = error.square().mean()
    edges = sum((rebuilt.diff(dim=dim) - pixels.diff(dim=dim)).abs().mean() for dim in (2, 3))
    divergence = posterior.kl().mean() / posterior.mean[0].numel()
    loss = 0.5 * error.abs().mean() + 0.25 * edges + 4 * squared + kl * divergence
    return loss, (rebuilt.detach() - pixels).square().mean().item()


def face_weight(pixels: Tensor) -> Tensor:
    """1.5 where the eyes and the mouth are, 1 elsewhere; (64, 64)."""
    weight = torch.ones(pixels.shape[-2:])
    weight[24:46, 14:50] = 1.5
    return weight


def decibels(squared: float) -> float:
    """Peak signal-to-noise ratio from a mean squared error on the -1 to 1 scale."""
    return float(-10 * torch.log10(torch.tensor(squared / 4)))
