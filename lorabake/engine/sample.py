"""Rendering pictures with a loaded model, many in one batch, each as if it were alone.

B pictures, h w = height / vae_factor, width / vae_factor
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lorabake.engine.samplers import Timesteps, sampler_named

OnStep = Callable[[int, int], None]
DECODED_TOGETHER = 2**20  # px at a time; a decoder needs far more memory than the U-Net


class ImageNoise:
    """Noise for each picture from its own seed, drawn on the CPU: the same on every machine.

    Pictures do not share a generator, so one looks the same alone and in any batch.
    """

    def __init__(
        self, seeds: Sequence[int], shape: tuple[int, ...], device: torch.device | str = "cpu"
    ) -> None:
        self.shape = shape
        self.device = device
        self.seeds = list(seeds)
        # equal seeds give equal noise, so it is drawn once
        self.generators = {seed: torch.Generator().manual_seed(seed) for seed in self.seeds}

    def __call__(self) -> Tensor:
        """The next noise of each picture: (B, *shape)."""
        drawn = {
            seed: torch.randn(self.shape, generator=generator)
            for seed, generator in self.generators.items()
        }
        return torch.stack([drawn[seed] for seed in self.seeds]).to(self.device)


def sample(
    model: Any,
    conditioning: Any,
    negative: Any,
    *,
    seeds: Sequence[int],
    width: int,
    height: int,
    steps: int = 20,
    cfg: float = 5.0,
    sampler: str = "Euler a",
    on_step: OnStep | None = None,
) -> Tensor:
    """Pictures from -1 to 1: (B, 3, H, W), on the CPU.

    conditioning, negative: what `model.encode_prompts` gives, one row for each seed or one for all.
    cfg: how much the prompt counts against the negative one; 1 leaves the negative one out.
    on_step: called after each step with its number and the number of steps; may raise to stop.
    """
    with torch.inference_mode():
        latents = sample_latents(
            model,
            conditioning,
            negative,
            seeds=seeds,
            width=width,
            height=height,
            steps=steps,
            cfg=cfg,
            sampler=sampler,
            on_step=on_step,
        )
        slices = latents.split(max(DECODED_TOGETHER // (width * height), 1))
        return torch.cat([model.decode_latents(part).cpu() for part in slices])


def sample_latents(
    model: Any,
    conditioning: Any,
    negative: Any,
    *,
    seeds: Sequence[int],
    width: int,
    height: int,
    steps: int,
    cfg: float,
    sampler: str,
    on_step: OnStep | None,
) -> Tensor:
    """The latents of the pictures, as `model.decode_latents` takes them: (B, 4, h, w)."""
    kind = sampler_named(sampler)
    shape = (4, height // model.vae_factor, width // model.vae_factor)
    noise = ImageNoise(seeds, shape, model.device)
    sigmas = kind.levels(model.alphas_cumprod, steps)
    start = sigmas[0] if kind.whole_noise else math.hypot(sigmas[0], 1)
    denoise = Denoiser(model, conditioning, negative, len(seeds), (height, width), cfg)
    latents = noise() * start
    for number, after in enumerate(kind.steps(denoise, latents, sigmas, noise), start=1):
        latents = after
        if on_step is not None:
            on_step(number, steps)
    return latents / math.hypot(sigmas[-1], 1)


class Denoiser:
    """The model's guess of the picture at a noise level, the prompt weighed against the negative.

    Both are asked in one batch, [negative row, prompt row], or one after the other where one of
    them is longer: filling up the shorter would change the picture.
    """

    def __init__(
        self,
        model: Any,
        conditioning: Any,
        negative: Any,
        count: int,
        size: tuple[int, int],
        cfg: float,
    ) -> None:
        self.model = model
        self.cfg = cfg
        self.guided = cfg != 1
        self.time_of = Timesteps(model.alphas_cumprod)
        self.predicts_v = model.prediction == "v"
        sides = [negative, conditioning] if self.guided else [conditioning]
        rows = [type(side)(*(_rows(part, count) for part in side)) for side in sides]
        if len({side.context.shape[1] for side in rows}) == 1:
            rows = [type(conditioning)(*map(torch.cat, zip(*rows, strict=True)))]
        self.asked = rows
        self.batch = count * len(sides) // len(rows)
        self.time_ids = model.time_ids(
            [size] * self.batch, [(0, 0)] * self.batch, [size] * self.batch
        )

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        unit = x / math.hypot(sigma, 1)  # the size the model was trained on
        noisy = unit if self.batch == len(unit) else torch.cat([unit, unit])
        times = torch.full((self.batch,), self.time_of(sigma), device=x.device)
        answers = [self.model.predict(noisy, times, one, self.time_ids) for one in self.asked]
        predicted = torch.cat(answers)
        if self.guided:
            without, with_prompt = predicted.chunk(2)
            predicted = without + self.cfg * (with_prompt - without)
        if self.predicts_v:
            return unit / math.hypot(sigma, 1) - predicted * (sigma / math.hypot(sigma, 1))
        return x - sigma * predicted


def _rows(encoded: Tensor, count: int) -> Tensor:
    """One row for each picture."""
    return encoded.expand(count, *encoded.shape[1:]) if len(encoded) == 1 else encoded
