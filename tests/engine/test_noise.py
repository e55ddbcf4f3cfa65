"""Noise and loss weights: the published formulas, and the same numbers wherever a bake goes on."""

from __future__ import annotations

import math

import pytest
import torch

from lorabake.engine.families.model import alphas_cumprod
from lorabake.engine.loss import min_snr_weight
from lorabake.engine.noise import (
    add_noise,
    draw_noise,
    draw_timesteps,
    generator,
    perturbed,
    signal_to_noise,
)

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


@pytest.fixture(scope="module")
def abar() -> torch.Tensor:
    return alphas_cumprod(SCHEDULE)


def test_the_noise_schedule_is_that_of_stable_diffusion(abar: torch.Tensor) -> None:
    """1000 steps, roots of beta from √0.00085 to √0.012; the last step keeps √ā = 0.0683."""
    product = 1.0
    for step in range(1000):
        low, high = math.sqrt(0.00085), math.sqrt(0.012)
        product *= 1 - (low + (high - low) * step / 999) ** 2
        assert abar[step].item() == pytest.approx(product, rel=1e-5)
    assert abar.shape == (1000,)
    assert abar[999].item() == pytest.approx(0.00466, abs=5e-6)
    assert abar[999].sqrt().item() == pytest.approx(0.0683, abs=5e-5)


@pytest.mark.parametrize(
    ("timestep", "weight"), [(0, 0.00425), (50, 0.254), (100, 0.591), (147, 1.0), (999, 1.0)]
)
def test_min_snr_gamma_5_quiets_nearly_clean_pictures(
    abar: torch.Tensor, timestep: int, weight: float
) -> None:
    """It acts below step 147, and leaves noisier ones alone."""
    found = min_snr_weight(signal_to_noise(abar[[timestep]]), 5.0).item()
    assert found == pytest.approx(weight, rel=6e-3)


def test_min_snr_follows_its_formula(abar: torch.Tensor) -> None:
    found = min_snr_weight(signal_to_noise(abar), 5.0)
    assert found.shape == (1000,)
    for step in range(0, 1000, 33):
        snr = abar[step].item() / (1 - abar[step].item())
        assert found[step].item() == pytest.approx(min(snr, 5) / snr, rel=1e-3)
    assert (found[:147] < 1).all()
    assert (found[147:] == 1).all()


def test_noise_is_added_picture_by_picture() -> None:
    latents, noise = torch.randn(3, 4, 2, 5), torch.randn(3, 4, 2, 5)
    abar = torch.tensor([0.0, 0.25, 1.0])
    noisy = add_noise(latents, noise, abar)
    assert torch.equal(noisy[0], noise[0])
    assert torch.allclose(noisy[1], 0.5 * latents[1] + math.sqrt(0.75) * noise[1])
    assert torch.equal(noisy[2], latents[2])
    assert add_noise(latents.half(), noise.half(), abar).dtype == torch.float16


def test_ip_noise_goes_into_the_picture_and_not_into_the_target(abar: torch.Tensor) -> None:
    """ "IP Noise Gamma: 0.05": x = √ā·x₀ + √(1−ā)·(ε + 0.05·ε′), and ε stays what is asked for."""
    latents = draw_noise((2, 4, 3, 3), 1, "latents", 0)
    target = draw_noise((2, 4, 3, 3), 1, "noise", 0)
    fresh = draw_noise((2, 4, 3, 3), 1, "ip", 0)
    before = target.clone()
    noisy = add_noise(latents, perturbed(target, 0.05, fresh), abar[[100, 900]])
    assert torch.equal(target, before)
    for picture, step in enumerate((100, 900)):
        a = abar[step].item()
        wanted = math.sqrt(a) * latents[picture] + math.sqrt(1 - a) * (
            target[picture] + 0.05 * fresh[picture]
        )
        assert torch.allclose(noisy[picture], wanted, atol=1e-6)
    assert torch.equal(perturbed(target, 0.0, fresh), target)


def test_a_slot_gets_the_same_noise_whatever_the_batch_size() -> None:
    """So a partial batch, another card or a resumed bake sees the same numbers."""
    four = draw_noise((4, 4, 3, 3), 23, "noise", 7)
    assert torch.equal(draw_noise((1, 4, 3, 3), 23, "noise", 7), four[:1])
    assert torch.equal(draw_noise((3, 4, 3, 3), 23, "noise", 7), four[:3])
    steps = draw_timesteps(4, 23, 7)
    assert torch.equal(draw_timesteps(2, 23, 7), steps[:2])


def test_slots_steps_purposes_and_seeds_differ() -> None:
    one = draw_noise((2, 4, 3, 3), 23, "noise", 7)
    others = [
        one[1],
        *(draw_noise((1, 4, 3, 3), *place)[0] for place in [(23, "noise", 8), (23, "ip", 7)]),
        draw_noise((1, 4, 3, 3), 24, "noise", 7)[0],
    ]
    assert not any(torch.equal(one[0], other) for other in others)


def test_drawing_does_not_disturb_the_global_generator() -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    draw_noise((2, 4, 3, 3), 1, "noise", 0)
    draw_timesteps(2, 1, 0)
    assert torch.equal(torch.rand(3), expected)


def test_generators_start_anew() -> None:
    first = torch.rand(2, generator=generator(1, "x", 2, "y"))
    assert torch.equal(torch.rand(2, generator=generator(1, "x", 2, "y")), first)


def test_noise_is_normal() -> None:
    noise = draw_noise((16, 4, 32, 32), 3, "noise", 0)
    assert abs(noise.mean().item()) < 0.01
    assert abs(noise.std().item() - 1) < 0.01


def test_timesteps_are_whole_and_even_from_0_to_999() -> None:
    steps = torch.cat([draw_timesteps(8, 5, step) for step in range(250)])
    assert steps.dtype == torch.int64
    assert steps.min() >= 0
    assert steps.max() <= 999
    tenths = torch.bincount(steps // 100, minlength=10)
    assert (tenths > 140).all(), "200 in each tenth are expected"
    assert {int(step) for step in torch.cat([draw_timesteps(4, 5, n, 3, 5) for n in range(9)])} == {
        *(3, 4)
    }
