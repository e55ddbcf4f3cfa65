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
Levels = Callable[[Tensor, int], list[float]]


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


def without_last_but_one(levels: Levels) -> Levels:
    """One level more, of which the smallest is left out: it would cost a call and change nothing."""

    def made(alphas_cumprod: Tensor, steps: int) -> list[float]:
        return [*levels(alphas_cumprod, steps + 1)[:-2], 0.0]

    return made


def unipc_timesteps(alphas_cumprod: Tensor, steps: int) -> list[float]:
    """From the last timestep to the first, both counted, in even steps; log ᾱ is interpolated."""
    logs = alphas_cumprod.double().clamp(min=LEAST_ALPHA).log()
    times = torch.linspace(len(logs) - 1, 0, steps + 1, dtype=torch.float64)
    low = times.floor().long()
    part = times - low
    alphas = ((1 - part) * logs[low] + part * logs[times.ceil().long()]).exp()
    sigmas: list[float] = ((1 - alphas) / alphas).sqrt().tolist()
    return sigmas


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


def down_and_up(sigma: float, below: float) -> tuple[float, float]:
    """Where a step of an ancestral sampler goes down to, and how much noise brings it up again."""
    up = min(below, math.sqrt(below**2 * (sigma**2 - below**2) / sigma**2))
    return math.sqrt(below**2 - up**2), up


def euler_ancestral(
    denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise
) -> Iterable[Tensor]:
    """Euler a little too far down, then up again with fresh noise ("Euler a", η = 1)."""
    for sigma, below in pairwise(sigmas):
        down, up = down_and_up(sigma, below)
        slope = (x - denoise(x, sigma)) / sigma
        x = x + slope * (down - sigma)
        if below > 0:
            x = x + noise() * up
        yield x


def heun(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """The mean of the slopes at both ends of a step (Karras et al., algorithm 1)."""
    for sigma, below in pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / sigma
        end = x + slope * (below - sigma)
        if below > 0:
            slope_there = (end - denoise(end, below)) / below
            end = x + (slope + slope_there) / 2 * (below - sigma)
        x = end
        yield x


def lms(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """A polynomial through the last four slopes (linear multistep, Adams-Bashforth)."""
    slopes: list[Tensor] = []  # the newest first
    for number, (sigma, below) in enumerate(pairwise(sigmas)):
        slopes = [(x - denoise(x, sigma)) / sigma, *slopes[:3]]
        nodes = [sigmas[number - back] for back in range(len(slopes))]
        shares = [_share(nodes, own, sigma, below) for own in range(len(nodes))]
        for share, slope in zip(shares, slopes, strict=True):
            x = x + share * slope
        yield x


def _share(nodes: list[float], own: int, start: float, end: float) -> float:
    """∫ of the polynomial that is 1 at its own node and 0 at the others, from start to end.

    Two Gauss points are exact up to degree 3.
    """
    middle, half = (start + end) / 2, (end - start) / 2
    total = 0.0
    for point in (middle - half / math.sqrt(3), middle + half / math.sqrt(3)):
        total += math.prod(
            (point - other) / (nodes[own] - other)
            for index, other in enumerate(nodes)
            if index != own
        )
    return total * half


def dpm_2(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """The slope in the (logarithmic) middle of a step (DPM-Solver-2, arXiv 2206.00927)."""
    for sigma, below in pairwise(sigmas):
        x = _by_the_middle(denoise, x, sigma, below)
        yield x


def dpm_2_ancestral(
    denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise
) -> Iterable[Tensor]:
    """DPM2 a little too far down, then up again with fresh noise ("DPM2 a")."""
    for sigma, below in pairwise(sigmas):
        down, up = down_and_up(sigma, below)
        x = _by_the_middle(denoise, x, sigma, down)
        if down > 0:
            x = x + noise() * up
        yield x


def _by_the_middle(denoise: Denoise, x: Tensor, sigma: float, below: float) -> Tensor:
    slope = (x - denoise(x, sigma)) / sigma
    if below == 0:
        return x + slope * (below - sigma)
    middle = math.sqrt(sigma * below)
    there = x + slope * (middle - sigma)
    return x + (there - denoise(there, middle)) / middle * (below - sigma)


def dpmpp_2s_ancestral(
    denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise
) -> Iterable[Tensor]:
    """DPM-Solver++(2S) with fresh noise (arXiv 2211.01095, algorithm 1, r = 1/2)."""
    for sigma, below in pairwise(sigmas):
        down, up = down_and_up(sigma, below)
        guess = denoise(x, sigma)
        if down > 0:
            middle = math.sqrt(sigma * down)
            there = (middle / sigma) * x + (1 - middle / sigma) * guess
            guess = denoise(there, middle)
        x = (down / sigma) * x + (1 - down / sigma) * guess
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


def unipc(denoise: Denoise, x: Tensor, sigmas: list[float], noise: Noise) -> Iterable[Tensor]:
    """UniPC of order 3 with B(h) = h (arXiv 2302.04867, "bh1"), corrected but for the last step.

    The orders rise from 1 at the beginning and fall to 1 at the end.
    """
    steps = len(sigmas) - 1
    guesses = [(sigmas[0], denoise(x, sigmas[0]))]  # the newest first
    for number in range(1, steps + 1):
        below = sigmas[number]
        order = min(3, number, steps + 1 - number)
        step = _UnifiedStep(guesses, below, order)
        predicted = step.predict(x)
        if number == steps:
            x = predicted
        else:
            there = denoise(predicted, below)
            x = step.correct(x, there)
            guesses = [(below, there), *guesses[:2]]
        yield x


class _UnifiedStep:
    """One step of UniPC in λ = -log σ, for guesses of the picture (algorithms 7 and 8).

    guesses: σ and guess, the newest first.
    """

    def __init__(self, guesses: list[tuple[float, Tensor]], below: float, order: int) -> None:
        (self.sigma, self.now), *before = guesses[:order]
        self.below = below
        self.h = math.log(self.sigma / below)
        self.ratios = [math.log(self.sigma / sigma) / self.h for sigma, _ in before]
        self.slopes = [
            (guess - self.now) / ratio
            for (_, guess), ratio in zip(before, self.ratios, strict=True)
        ]

    def predict(self, x: Tensor) -> Tensor:
        if len(self.slopes) == 1:
            return self._plain(x) + self.h * 0.5 * self.slopes[0]
        shares = self._shares(self.ratios)
        return self._moved(x, shares, self.slopes)

    def correct(self, x: Tensor, there: Tensor) -> Tensor:
        shares = self._shares([*self.ratios, 1.0]) if self.slopes else [0.5]
        return self._moved(x, shares, [*self.slopes, there - self.now])

    def _plain(self, x: Tensor) -> Tensor:
        return (self.below / self.sigma) * x - math.expm1(-self.h) * self.now

    def _moved(self, x: Tensor, shares: list[float], slopes: list[Tensor]) -> Tensor:
        moved = self._plain(x)
        for share, slope in zip(shares, slopes, strict=True):
            moved = moved + self.h * share * slope
        return moved

    def _shares(self, ratios: list[float]) -> list[float]:
        """ρ of Σ ρ_m r_m^(n-1) = n! φ_(n+1)(-h), so that polynomials are carried on exactly."""
        if not ratios:
            return []
        phi, factorial, right = math.expm1(-self.h) / -self.h - 1, 1, []
        for n in range(1, len(ratios) + 1):
            factorial *= n
            right.append(phi * factorial / -self.h)
            phi = phi / -self.h - 1 / (factorial * (n + 1))
        rows = [[ratio ** (n - 1) for ratio in ratios] for n in range(1, len(ratios) + 1)]
        solved = torch.linalg.solve(
            torch.tensor(rows, dtype=torch.float64), torch.tensor(right, dtype=torch.float64)
        )
        shares: list[float] = solved.tolist()
        return shares


# --- the list -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sampler:
    """A sampler by the name that web UIs give it.

    levels: the noise levels for a number of steps. steps: the formula.
    whole_noise: starts from σ times noise, as if nothing of a picture were left, instead of the
    mixture of unit size that the model was trained on.
    """

    name: str
    levels: Levels
    steps: Callable[[Denoise, Tensor, list[float], Noise], Iterable[Tensor]]
    whole_noise: bool = True


SAMPLERS = {
    sampler.name: sampler
    for sampler in (
        Sampler("Euler a", even_timesteps, euler_ancestral),
        Sampler("Euler", even_timesteps, euler),
        Sampler("DPM++ 2M Karras", karras, dpmpp_2m),
        Sampler("DDIM", ddim_timesteps, euler, whole_noise=False),
        Sampler("UniPC", unipc_timesteps, unipc, whole_noise=False),
        Sampler("DPM++ 2S a Karras", karras, dpmpp_2s_ancestral),
        Sampler("Heun", even_timesteps, heun),
        Sampler("LMS", even_timesteps, lms),
        Sampler("LMS Karras", karras, lms),
        Sampler("DPM2 Karras", without_last_but_one(karras), dpm_2),
        Sampler("DPM2 a Karras", without_last_but_one(karras), dpm_2_ancestral),
    )
}


def sampler_named(name: str) -> Sampler:
    if name not in SAMPLERS:
        raise GridError(unknown_name("sampler", name, tuple(SAMPLERS)))
    return SAMPLERS[name]
