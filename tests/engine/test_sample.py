"""Samplers against the formulas of diffusers, and pictures that do not depend on their batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from lorabake.core.errors import GridError, Stopped
from lorabake.engine.families.model import alphas_cumprod
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.noise import zero_terminal_snr
from lorabake.engine.sample import ImageNoise, sample, sample_latents
from lorabake.engine.sampler_names import SAMPLER_NAMES
from lorabake.engine.samplers import (
    SAMPLERS,
    Timesteps,
    dpm_2,
    dpmpp_2m,
    euler,
    even_timesteps,
    heun,
    karras,
    lms,
    model_sigmas,
    unipc,
)
from tests.tiny import TINY_SDXL, tiny_sdxl_folder

torch.set_num_threads(1)
SCHEDULER = TINY_SDXL["scheduler"]
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


class Toy:
    """A made-up model: cheap, smooth, listens to its prompt and to the time."""

    vae_factor = 4
    device = torch.device("cpu")

    def __init__(self, prediction: str = "epsilon", uses_time: bool = True) -> None:
        self.prediction = prediction
        self.alphas_cumprod = alphas_cumprod(SCHEDULER)
        self.uses_time = uses_time

    def time_ids(self, original: Any, crop: Any, target: Any) -> torch.Tensor:
        return torch.zeros(len(original), 6)

    def predict(self, x: Any, times: Any, conditioning: Any, time_ids: Any) -> Any:
        slow = (times / 700).view(-1, 1, 1, 1) if self.uses_time else 0
        return torch.tanh(x) * 0.8 + 0.3 * torch.sin(slow + conditioning.pooled[:, :1, None, None])


def prompt(value: float) -> Conditioning:
    return Conditioning(torch.full((1, 77, 4), value), torch.full((1, 4), value))


def ours(model: Any, name: str, steps: int) -> torch.Tensor:
    return sample_latents(
        model, prompt(1.0), prompt(0.0), seeds=[7], width=32, height=32,
        steps=steps, cfg=4.0, sampler=name, on_step=None,
    )  # fmt: skip


def theirs(model: Any, scheduler: Any, steps: int) -> torch.Tensor:
    """The loop of a diffusers pipeline."""
    generator = torch.Generator().manual_seed(7)
    scheduler.set_timesteps(steps)
    x = torch.randn(1, 4, 8, 8, generator=generator) * scheduler.init_noise_sigma
    if isinstance(scheduler, diffusers.DPMSolverMultistepScheduler):
        x = x * 14.6146 / (14.6146**2 + 1) ** 0.5  # web UIs leave nothing of a picture at the start
    for time in scheduler.timesteps:
        noisy = scheduler.scale_model_input(x, time)
        times = time.float().view(1)
        without = model.predict(noisy, times, prompt(0.0), None)
        predicted = without + 4.0 * (model.predict(noisy, times, prompt(1.0), None) - without)
        takes_noise = "generator" in inspect.signature(scheduler.step).parameters
        takes_noise &= not isinstance(scheduler, diffusers.DDIMScheduler)
        options = {"generator": generator} if takes_noise else {}
        x = scheduler.step(predicted, time, x, **options).prev_sample
    result: torch.Tensor = x
    return result


# 28 steps put all timesteps on whole numbers, where interpolation does not matter
@pytest.mark.parametrize(
    ("name", "make", "uses_time"),
    [
        (
            "Euler",
            lambda: diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace"),
            True,
        ),
        (
            "Euler a",
            lambda: diffusers.EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="linspace"),
            True,
        ),
        (
            "DDIM",
            lambda: diffusers.DDIMScheduler(
                **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1
            ),
            True,
        ),
        (
            "DPM++ 2M Karras",
            lambda: diffusers.DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True),
            False,  # diffusers rounds these timesteps
        ),
        (
            "Heun",
            lambda: diffusers.HeunDiscreteScheduler(**BETAS, timestep_spacing="linspace"),
            True,
        ),
        (
            "LMS",
            lambda: diffusers.LMSDiscreteScheduler(**BETAS, timestep_spacing="linspace"),
            True,
        ),
    ],
)
def test_samplers_are_those_of_diffusers(
    name: str, make: Callable[[], Any], uses_time: bool
) -> None:
    model, steps = Toy(uses_time=uses_time), 28
    scheduler = make()
    expected = theirs(model, scheduler, steps)
    if name == "Euler":  # diffusers starts from √(σ² + 1) only in its newer spacings
        assert scheduler.init_noise_sigma == pytest.approx(14.6146, rel=1e-4)
    assert (ours(model, name, steps) - expected).abs().max() < 5e-4 * expected.abs().max()


def test_unipc_is_that_of_diffusers() -> None:
    """In 27 steps all timesteps are whole numbers; it ends at the first one, as in web UIs."""
    scheduler = diffusers.UniPCMultistepScheduler(
        **BETAS, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min"
    )
    expected = theirs(Toy(), scheduler, 27)
    assert (ours(Toy(), "UniPC", 27) - expected).abs().max() < 5e-4 * expected.abs().max()


# Pictures that are noise of size 1 themselves: the best guess is x / (1 + σ²), and x follows
# √(1 + σ²) on its way down.
def gaussian(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return x / (1 + sigma**2)


@pytest.mark.parametrize(
    ("steps", "order"), [(euler, 1), (heun, 2), (dpm_2, 2), (lms, 3), (dpmpp_2m, 2), (unipc, 2)]
)
def test_errors_fall_with_the_order_of_a_sampler(steps: Any, order: int) -> None:
    errors = []
    for count in (32, 64):
        sigmas = [14 * (0.05 / 14) ** (number / count) for number in range(count + 1)]
        x = torch.full((1,), math.hypot(14, 1), dtype=torch.float64)
        *_, end = steps(gaussian, x, sigmas, lambda: torch.zeros(1))
        errors.append(abs(float(end) - math.hypot(0.05, 1)))
    assert errors[1] < 0.03
    assert math.log2(errors[0] / errors[1]) > order - 0.35


@pytest.mark.parametrize("name", ["Euler a", "DPM2 a Karras", "DPM++ 2S a Karras"])
def test_fresh_noise_keeps_the_spread_of_pictures(name: str) -> None:
    """After the last level but one, what is left is a picture of size 1 and noise of size σ."""
    generator = torch.Generator().manual_seed(3)
    kind = SAMPLERS[name]
    sigmas = kind.levels(alphas_cumprod(SCHEDULER), 60)
    x = torch.randn(20_000, generator=generator) * math.hypot(sigmas[0], 1)
    calls = 0

    def noise() -> torch.Tensor:
        nonlocal calls
        calls += 1
        return torch.randn(20_000, generator=generator)

    *_, before, end = kind.steps(gaussian, x, sigmas, noise)
    assert calls == len(sigmas) - 2
    assert float(before.std()) == pytest.approx(math.hypot(sigmas[-2], 1), rel=0.06)
    assert float(end.std()) == pytest.approx(1, rel=0.06)


def test_noise_of_a_seed_is_that_of_web_uis_on_the_cpu() -> None:
    """By the formula: Mersenne Twister, 24 bits, Box-Muller over blocks of eight and eight."""
    seed, count = 1234, 4 * 8 * 8
    raw = np.random.RandomState(seed).randint(0, 2**32, size=count, dtype=np.uint32)
    uniform = (raw & 0xFFFFFF).astype(np.float64) / 2**24
    expected = np.empty(count)
    for start in range(0, count, 16):
        radius = np.sqrt(-2 * np.log(1 - uniform[start : start + 8]))
        angle = 2 * np.pi * uniform[start + 8 : start + 16]
        expected[start : start + 8] = radius * np.cos(angle)
        expected[start + 8 : start + 16] = radius * np.sin(angle)
    found = ImageNoise([seed], (4, 8, 8))().flatten().numpy()
    assert np.abs(found - expected).max() < 1e-5


def test_prompts_of_unequal_length_are_not_filled_up(model: Any) -> None:
    """An empty chunk behind the shorter one would change the picture."""
    positive = model.encode_weighted("1girl BREAK solo")
    negative = model.encode_weighted("blurry", negative=True)
    assert positive.context.shape[1] == 2 * negative.context.shape[1]
    settings: dict[str, Any] = {"width": 32, "height": 48, "steps": 2}
    made = sample(model, positive, negative, seeds=[1, 2], **settings)
    empty = model.encode_weighted("")
    padded = Conditioning(torch.cat([negative.context, empty.context], 1), negative.pooled)
    other = sample(model, positive, padded, seeds=[1, 2], **settings)
    assert (made - other).abs().max() > 1e-4
    alone = sample(model, positive, negative, seeds=[2], **settings)
    assert (made[1] - alone[0]).abs().max() < 1e-4


def test_models_that_predict_velocity() -> None:
    steps = 28
    scheduler = diffusers.EulerDiscreteScheduler(
        **BETAS, timestep_spacing="linspace", prediction_type="v_prediction"
    )
    model = Toy("v")
    expected = theirs(model, scheduler, steps)
    assert (ours(model, "Euler", steps) - expected).abs().max() < 5e-4 * expected.abs().max()


def test_the_list_of_names_is_complete() -> None:
    assert tuple(SAMPLERS) == SAMPLER_NAMES


def test_noise_levels() -> None:
    alphas = alphas_cumprod(SCHEDULER)
    sigmas = model_sigmas(alphas)
    assert float(sigmas[-1]) == pytest.approx(14.6146, rel=1e-4)
    assert float(sigmas[0]) == pytest.approx(0.0292, rel=1e-2)
    for levels in (even_timesteps, karras):
        made = levels(alphas, 20)
        assert len(made) == 21
        assert made == sorted(made, reverse=True)
        assert (made[0], made[-1]) == (pytest.approx(14.6146, rel=1e-4), 0)
    time_of = Timesteps(alphas)
    for time in (0, 1, 500, 999):
        assert time_of(float(sigmas[time])) == pytest.approx(time, abs=1e-4)
    assert 500 < time_of(float(sigmas[500] + sigmas[501]) / 2) < 501


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 20, 1000])
def test_a_schedule_that_ends_in_pure_noise(name: str, steps: int) -> None:
    """Its last σ would be infinite; like the web UIs, all samplers start from 4518 instead."""
    alphas = zero_terminal_snr(alphas_cumprod(SCHEDULER))
    assert float(alphas[-1]) == 0
    levels = SAMPLERS[name].levels(alphas, steps)
    assert all(map(math.isfinite, levels))
    if name != "DDIM":  # which leaves out the last timestep
        assert levels[0] == pytest.approx(4518.76, rel=1e-4)
    time_of = Timesteps(alphas)
    assert time_of(4518.7) == pytest.approx(999, abs=1e-3)
    assert time_of(float(model_sigmas(alphas)[500])) == pytest.approx(500, abs=1e-3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_pictures_from_pure_noise(name: str) -> None:
    """A model that knows the picture finds it with every sampler, from σ 4518 in single precision."""
    picture = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1))
    alphas = zero_terminal_snr(alphas_cumprod(SCHEDULER))

    class Knowing(Toy):
        def predict(self, x: Any, times: Any, conditioning: Any, time_ids: Any) -> Any:
            logs = model_sigmas(alphas).log()
            low = times.double().floor().long().clamp(max=998)
            part = times - low
            sigma = ((1 - part) * logs[low] + part * logs[low + 1]).exp().view(-1, 1, 1, 1)
            length = (sigma**2 + 1).sqrt()
            # v of a picture p seen as x = (p + σ n) / √(σ² + 1)
            return ((x / length - picture) * length / sigma).float()

    toy = Knowing("v")
    toy.alphas_cumprod = alphas
    made = ours(toy, name, 20)[0]
    left_over = (
        0.1 if name in ("DDIM", "UniPC") else 5e-3
    )  # which stop at the first timestep, not at 0
    assert (made - picture).abs().max() < left_over


def test_every_sampler_lands_on_a_known_picture() -> None:
    """If the model knows the picture exactly, so does what comes out, whatever the sampler."""
    picture = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1))

    class Knowing(Toy):
        def predict(self, x: Any, times: Any, conditioning: Any, time_ids: Any) -> Any:
            sigma = (model_sigmas(self.alphas_cumprod).log()).float()
            low = times.floor().long().clamp(max=998)
            part = times - low
            sigma = ((1 - part) * sigma[low] + part * sigma[low + 1]).exp().view(-1, 1, 1, 1)
            return (x * (sigma**2 + 1).sqrt() - picture) / sigma

    for name in SAMPLERS:
        left_over = 0.03 if name in ("DDIM", "UniPC") else 1e-3  # which stop at the first timestep
        assert (ours(Knowing(), name, 12)[0] - picture).abs().max() < left_over * 4


def test_noise_belongs_to_the_picture_not_to_the_batch() -> None:
    row = ImageNoise([5, 6, 5], (4, 2, 2))
    alone = ImageNoise([6], (4, 2, 2))
    for _ in range(3):
        noise = row()
        assert torch.equal(noise[1:2], alone())
        assert torch.equal(noise[0], noise[2])
        assert not torch.equal(noise[0], noise[1])
    expected = torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(6))
    assert torch.equal(ImageNoise([6], (4, 2, 2))()[0], expected)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_model(tiny_sdxl_folder(tmp_path_factory.mktemp("model")))


def render(model: Any, seeds: list[int], **changes: Any) -> torch.Tensor:
    both = model.encode_prompts(["blurry", "1girl, solo"])
    negative, positive = (Conditioning(*(t[n : n + 1] for t in both)) for n in (0, 1))
    settings: dict[str, Any] = {"width": 32, "height": 48, "steps": 3, **changes}
    return sample(model, positive, negative, seeds=seeds, **settings)


def test_a_batch_is_the_same_as_one_by_one(model: Any) -> None:
    together = render(model, [1, 2, 3, 4, 5])
    assert together.shape == (5, 3, 48, 32)
    assert together.abs().max() <= 1
    for index, seed in enumerate([1, 2, 3, 4, 5]):
        assert (together[index] - render(model, [seed])[0]).abs().max() < 1e-4
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_prompt_counts_as_much_as_cfg_says(model: Any) -> None:
    assert not torch.equal(render(model, [1], cfg=2.0), render(model, [1], cfg=9.0))
    both = model.encode_prompts(["blurry", "1girl, solo"])
    positive = Conditioning(*(t[1:] for t in both))
    plain = sample(model, positive, None, seeds=[1], width=32, height=48, steps=3, cfg=1)
    assert (plain - render(model, [1], cfg=1.0)).abs().max() == 0


def test_steps_are_told_and_can_stop(model: Any) -> None:
    told: list[tuple[int, int]] = []
    render(model, [1], on_step=lambda step, steps: told.append((step, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]

    def stop(step: int, steps: int) -> None:
        raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        render(model, [1], on_step=stop)


def test_an_unknown_sampler_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="Euler a"):
        ours(Toy(), "Euler b", 3)
