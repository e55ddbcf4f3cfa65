"""Third stage of the build: the U-Net, and the text encoders with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from .characters import Character, random_character
from .latents import cached_latents
from .models import SCHEDULER_CONFIG, new_part
from .muon import Both, is_matrix
from .stage import Average, Progress, cosine, prepare
from .text import Reader, TextPair, random_captions, tokens
from .train_text import new_text

logger = logging.getLogger(__name__)

# B batch; latents (B, 4, h, w), h = w = 16 for the whole picture


@dataclass(frozen=True, kw_only=True)
class UnetSettings:
    """steps: optimizer steps; pool: drawings to learn from.

    reading: weight of the reader's loss, which keeps the encoders from forgetting what they know.
    """

    steps: int = 3800
    batch: int = 32
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    text_lr: float = 3e-4
    reading: float = 0.02
    average: float = 0.999
    pool: int = 24000
    seed: int = 3


def train_unet(cache: Path, settings: UnetSettings) -> None:
    """Leaves unet.pt: averaged weights of the U-Net and of the text encoders."""
    prepare(settings.seed)
    vae = new_part("vae").eval()
    vae.load_state_dict(torch.load(cache / "vae.pt", weights_only=True))
    latents = cached_latents(cache, vae, settings.pool, settings.seed)
    people = [random_character(Random(f"{settings.seed}:{i}")) for i in range(settings.pool)]
    run = _Run(settings, cache)
    progress = Progress(cache, "unet", settings.steps)
    if state := progress.load():
        run.load(state)
    for step in range(progress.first, settings.steps):
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        chosen = torch.randint(len(people), (settings.batch,), generator=chance)
        moments = latents[chosen].float()
        clean = moments[:, :4] + moments[:, 4:] * torch.randn(
            moments[:, :4].shape, generator=chance
        )
        batch = [people[index] for index in chosen.tolist()]
        figures = run.step(step, clean, batch, chance)
        done = step + 1
        if done % 50 == 0:
            progress.note(done, **figures)
        if progress.due(done):
            progress.save(done, run.state())
    torch.save(run.averages(), cache / "unet.pt")


class _Run:
    """The networks, their optimizers and averages."""

    def __init__(self, settings: UnetSettings, cache: Path) -> None:
        self.settings = settings
        self.unet: Any = new_part("unet").train()
        self.pair, self.reader = _pretrained_text(cache)
        named = list(self.unet.named_parameters())
        self.optimizer = Both(
            [p for n, p in named if is_matrix(n, p)],
            [p for n, p in named if not is_matrix(n, p)],
            muon_lr=settings.muon_lr,
            adam_lr=settings.adam_lr,
        )
        self.text_params = [*self.pair.parameters(), *self.reader.parameters()]
        self.text_optimizer = torch.optim.AdamW(
            self.text_params, settings.text_lr, betas=(0.9, 0.99), weight_decay=0, fused=True
        )
        self.unet_average = Average(self.unet, settings.average)
        self.pair_average = Average(self.pair, settings.average)
        self.alphas = alphas_cumprod()
        self.smooth_loss = 0.0

    def step(
        self, step: int, clean: Tensor, people: list[Character], chance: torch.Generator
    ) -> dict[str, float]:
        clean, time_ids = framed(clean, step, chance)
        captions, told = random_captions(people, self.settings.seed, step)
        context, pooled = self.pair(tokens(captions))
        noise = torch.randn(clean.shape, generator=chance)
        times = spread_timesteps(len(clean), chance)
        alpha = self.alphas[times][:, None, None, None]
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        added = {"text_embeds": pooled, "time_ids": time_ids}
        with torch.autocast("cpu", torch.bfloat16):
            guess = self.unet(noisy, times, context, added_cond_kwargs=added).sample.float()
        error = (guess - noise).square() * face_weight(clean)
        weight = min_snr_weight(self.alphas[times] / (1 - self.alphas[times]))
        diffusion = (error.mean((1, 2, 3)) * weight).mean()
        reading, right = self.reader.loss(context, pooled, told)
        (diffusion + self.settings.reading * reading).backward()
        self._update(step)
        plain = (guess.detach() - noise).square().mean().item()
        self.smooth_loss += (plain - self.smooth_loss) * (0.02 if step > 50 else 0.2)
        return {"loss": diffusion.item(), "mse": self.smooth_loss, "right": right}

    def _update(self, step: int) -> None:
        rate = cosine(step, self.settings.steps)
        self.optimizer.step(rate)
        torch.nn.utils.clip_grad_norm_(self.text_params, 1.0)
        for group in self.text_optimizer.param_groups:
            group["lr"] = self.settings.text_lr * rate
        self.text_optimizer.step()
        self.text_optimizer.zero_grad(set_to_none=True)
        self.unet_average.update(self.unet, step)
        self.pair_average.update(self.pair, step)

    def state(self) -> dict[str, Any]:
        return {
            "unet": self.unet.state_dict(),
            "pair": self.pair.state_dict(),
            "reader": self.reader.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "text_optimizer": self.text_optimizer.state_dict(),
            "unet_average": self.unet_average.values,
            "pair_average": self.pair_average.values,
        }

    def load(self, state: dict[str, Any]) -> None:
        for name in ("unet", "pair", "reader", "optimizer", "text_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.unet_average.values = state["unet_average"]
        self.pair_average.values = state["pair_average"]

    def averages(self) -> dict[str, Any]:
        return {
            "unet": self.unet_average.weights(self.unet),
            "pair": self.pair_average.weights(self.pair),
        }


def _pretrained_text(cache: Path) -> tuple[TextPair, Reader]:
    pair, reader = new_text()
    state = torch.load(cache / "text.pt", weights_only=True)
    pair.load_state_dict(state["pair"])
    reader.load_state_dict(state["reader"])
    return pair, reader


def alphas_cumprod() -> Tensor:
    """Signal share after each of the 1,000 steps of noise."""
    first, last = SCHEDULER_CONFIG["beta_start"], SCHEDULER_CONFIG["beta_end"]
    betas = torch.linspace(first**0.5, last**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()


def spread_timesteps(count: int, chance: torch.Generator) -> Tensor:
    """One random time in each of `count` equal slices of the 1,000 steps, in random order.

    Every batch then sees all noise levels, and the loss jumps about less.
    """
    inside = torch.rand(count, generator=chance)
    order = torch.randperm(count, generator=chance)
    return ((order + inside) / count * 1000).long()


def min_snr_weight(snr: Tensor, gamma: float = 5.0) -> Tensor:
    """Weight of each sample's loss for noise prediction (arXiv 2303.09556); snr and result: (B,)."""
    return snr.clamp(max=gamma) / snr


def face_weight(latents: Tensor) -> Tensor:
    """2 where the eyes are, 1 elsewhere (h, w); a crop has its face elsewhere and gets ones."""
    weight = torch.ones(latents.shape[-2:])
    if weight.shape == (16, 16):
        weight[6:11, 4:12] = 2.0
    return weight


def framed(clean: Tensor, step: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """The latents, now and then cropped to another shape, and SDXL's six time ids (B, 6).

    Original sizes vary, because the pictures that people train on later have any size.
    """
    height = width = 16
    if step % 10 == 9:
        height, width = ((16, 12), (12, 16))[step // 10 % 2]
    top, left = 0, int(torch.randint(17 - width, (1,), generator=chance))  # keep the head's top
    cropped = clean[:, :, top : top + height, left : left + width]
    count = len(clean)
    original = torch.randint(64, 2049, (count, 1), generator=chance).float()
    usual = torch.rand(count, 1, generator=chance)
    original = torch.where(usual < 0.35, 256.0, torch.where(usual < 0.7, 64.0, original))
    scale = original / 64
    ids = [original, original, scale * 0, scale * 4 * left]
    ids += [scale * 0 + height * 4, scale * 0 + width * 4]
    return cropped, torch.cat(ids, 1)
