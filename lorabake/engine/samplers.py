"""Samplers: from noise to a picture, one function per formula.

Names and noise levels are those of the web UIs, so that a seed means the same kind of picture there.
All formulas work on x = picture + σ · noise, in which the models' own scaling is undone.

x, denoised: (B, 4, h, w). σ: one number. sigmas: falling, one more than there are steps.
`denoise(x, σ)` is the model's guess of the picture; `noise()` is fresh unit noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from lorabake.core.errors import GridError
from lorabake.core.registry import unknown_name

Denoise = Callable[[Tensor, float], Tensor]
Noise = Callable[[], Tensor]


# --- noise levels ---------------------------------------------------------------------------------

# ᾱ of a last timestep that is pure noise. With 0 its σ would be infinite; the web UIs take this
# number instead, at which σ is 4518.76.
LEAST_ALPHA = 4.8973451890853435e-08


def model_sigmas(alphas_cumprod: Tensor) -> Tensor:
    """σ of each of the model's 1000 timesteps: √((1 - ᾱ) / ᾱ)."""
    alphas = alphas_cumprod.double().clamp(min=LEAST_ALPHA)
    return ((1 - alphas) / alphas).sqrt()


def even_timesteps(alphas_cumprod: Tensor, steps: int) -> list[float]:
    """From the last timestep to the first in even steps, then 0; log σ is interpolated."""
    logs = model_sigmas(alphas_cumprod).log()
    times = torch.linspace(len(logs) - 1, 0, steps, dtype=torch.float64)
    low = times.floor().long()
    high = times.ceil().long()
    part = times - low
    sigmas = ((1 - part) * logs[low] + part * logs[high]).exp()
    return [*sigmas.tolist(), 0.0]


def karras(alphas_cumprod: Tensor, steps: int, rho: float = 7.0) -> list[float]:
    """Small steps at the end, where details are made (Karras et al., arXiv 2206.00364, eq. 5)."""
    all_sigmas = model_sigmas(alphas_cumprod)
    first, last = float(all_sigmas[-1]) ** (1 / rho), float(all_sigmas[0]) ** (1 / rho)
    ramp = [number / max(steps - 1, 1) for number in range(steps)]
    return [*((first + part * (last - first)) ** rho for part in ramp), 0.0]


def ddim_timesteps(alphas_cumprod: Tensor, steps: int) -> list[float]:
    """Every (1000 / steps)-th timestep from the second on, ending at the very first."""
    sigmas = model_sigmas(alphas_cumprod)
    stride = len(sigmas) // min(steps, len(sigmas))
    times = [min(number * stride + 1, len(sigmas) - 1) for number in range(steps)]
    return [*(float(sigmas[time]) for time in reversed(times)), float(sigmas[0])]


class Timesteps:
    """σ back to the model's timestep, between two of them where it lies between."""

    def __init__(self, alphas_cumprod: Tensor) -> None:
        self.logs = model_sigmas(alphas_cumprod).log()

    def __call__(self, sigma: float) -> float:
        log = math.log(sigma)
        high = int(torch.searchsorted(self.logs, log).clamp(1, len(self.logs) - 1))
        below, above = float(self.logs[high - 1]), float(self.logs[high])
        part = min(max((log - below) / (above - below), 0.0), 1.0)
        return high - 1 + part


# --- steps ----------------------------------------------------------------------------------------


def euler(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """Straight along the slope at each level (Karras et al., algorithm 2 without churn).

    With the noise levels of DDIM it is DDIM (arXiv 2010.02502) with η = 0.
    """
    for sigma, below in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        x = x + slope * (below - sigma)
        yield x


def euler_ancestral(
    denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise
) -> Iterable[Tensor]:
    """Euler a little too far down, then up again with fresh noise ("Euler a", η = 1)."""
    for sigma, below in pairwise(sigmas):
        up = min(below, math.sqrt(below**2 * (sigma**2 - below**2) / sigma**2))
        down = math.sqrt(below**2 - up**2)
        slope = (x - denoise(x, sigma)) / sigma
        x = x + slope * (down - sigma)
        if below > 0:
            x = x + noise() * up
        yield x


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """DPM-Solver++(2M): the last two guesses, carried on (arXiv 2211.01095, algorithm 2)."""
    before: Tensor | None = None
    before_step = 0.0
    for sigma, below in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if below == 0:
            x = denoised
        else:
            step = math.log(sigma / below)
            guess = denoised
            if before is not None:
                ahead = step / (2 * before_step)  # 1 / 2r of the paper
                guess = (1 + ahead) * denoised - ahead * before
            x = (below / sigma) * x - math.expm1(-step) * guess
            before, before_step = denoised, step
        yield x


# --- the list -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sampler:
    """A sampler by the name that web UIs give it.

    levels: the noise levels for a number of steps. steps: the formula.
    whole_noise: starts from σ times noise, as if nothing of a picture were left, instead of the
    mixture of unit size that the model was trained on.
    """

    name: str
    levels: Callable[[Tensor, int], list[float]]
    steps: Callable[[Denoise, Tensor, list[float], Noise], Iterable[Tensor]]
    whole_noise: bool = True


SAMPLERS = {
    sampler.name: sampler
    for sampler in (
        Sampler("Euler a", even_timesteps, euler_ancestral),
        Sampler("Euler", even_timesteps, euler),
        Sampler("DPM++ 2M Karras", karras, dpmpp_2m),
        Sampler("DDIM", ddim_timesteps, euler, whole_noise=False),
    )
}


def sampler_named(name: str) -> Sampler:
    if name not in SAMPLERS:
        raise GridError(unknown_name("sampler", name, tuple(SAMPLERS)))
    return SAMPLERS[name]
