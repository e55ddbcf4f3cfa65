"""Noise, targets and loss weights against their formulas in plain Python, and against diffusers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from lorabake.core.errors import RecipeError
from lorabake.engine.families.model import alphas_cumprod
from lorabake.engine.loss import huber_c_for, loss_weights, masked, pointwise_loss
from lorabake.engine.noise import (
    add_noise,
    draw_timesteps,
    input_noise,
    training_noise,
    velocity,
    zero_terminal_snr,
)

torch.set_num_threads(1)

TIMESTEPS = [0, 1, 10, 50, 100, 146, 147, 148, 250, 500, 750, 900, 998, 999]
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


def abar_by_hand(t: int) -> float:
    low, high = math.sqrt(0.00085), math.sqrt(0.012)
    return math.prod(1 - (low + (high - low) * step / 999) ** 2 for step in range(t + 1))


ABAR = {t: abar_by_hand(t) for t in TIMESTEPS}
SNR = {t: a / (1 - a) for t, a in ABAR.items()}


@pytest.fixture(scope="module")
def table() -> torch.Tensor:
    return alphas_cumprod(BETAS)


# What sd-scripts multiplies each picture's loss with, by hand; γ = 5 as in the guide.
FORMULAS: dict[tuple[str, str], Callable[[float], float]] = {
    ("epsilon", "min_snr"): lambda snr: min(snr, 5) / snr,
    ("v", "min_snr"): lambda snr: min(snr, 5) / (snr + 1),
    ("epsilon", "debiased"): lambda snr: 1 / math.sqrt(min(snr, 1000)),
    ("v", "debiased"): lambda snr: 1 / (min(snr, 1000) + 1),
    ("v", "scaled"): lambda snr: min(snr, 1000) / (min(snr, 1000) + 1),
    ("epsilon", "scaled"): lambda snr: 1.0,
    ("epsilon", "none"): lambda snr: 1.0,
    ("v", "none"): lambda snr: 1.0,
    ("v", "min_snr scaled debiased"): lambda snr: (
        (min(snr, 5) / (snr + 1)) * (min(snr, 1000) / (min(snr, 1000) + 1)) / (min(snr, 1000) + 1)
    ),
}


def weights(table: torch.Tensor, timesteps: list[int], prediction: str, on: str) -> torch.Tensor:
    return loss_weights(
        table,
        torch.tensor(timesteps),
        prediction=prediction,
        min_snr_gamma=5.0 if "min_snr" in on else 0.0,
        debiased="debiased" in on,
        scale_v_like_noise="scaled" in on,
    )


@pytest.mark.parametrize(("prediction", "on"), FORMULAS)
def test_loss_weights(table: torch.Tensor, prediction: str, on: str) -> None:
    found = weights(table, TIMESTEPS, prediction, on)
    assert found.shape == (len(TIMESTEPS),)
    for weight, t in zip(found.tolist(), TIMESTEPS, strict=True):
        assert weight == pytest.approx(FORMULAS[prediction, on](SNR[t]), rel=2e-3), t


@pytest.mark.parametrize(
    ("t", "weight"), [(0, 0.0043), (50, 0.254), (100, 0.591), (147, 1.0), (500, 1.0), (999, 1.0)]
)
def test_min_snr_has_its_known_weights(table: torch.Tensor, t: int, weight: float) -> None:
    found = weights(table, [t], "epsilon", "min_snr").item()
    assert found == pytest.approx(weight, abs=5e-4 if t else 5e-5)


def test_min_snr_begins_below_147(table: torch.Tensor) -> None:
    found = weights(table, list(range(1000)), "epsilon", "min_snr")
    assert (found[:147] < 1).all()
    assert (found[147:] == 1).all()


@pytest.mark.parametrize(("prediction", "on"), FORMULAS)
def test_weights_are_finite_where_nothing_is_left(
    table: torch.Tensor, prediction: str, on: str
) -> None:
    """At t = 999 of a schedule that ends in pure noise SNR is 0, and sd-scripts divides by it."""
    found = weights(zero_terminal_snr(table), list(range(1000)), prediction, on)
    assert found.isfinite().all()
    assert (found >= 0).all()
    if (prediction, on) == ("epsilon", "min_snr"):
        assert found[999] == 1, "what it tends to"
    if (prediction, on) == ("v", "min_snr"):
        assert found[999] == 0
    if (prediction, on) == ("epsilon", "debiased"):
        assert found[999].item() == pytest.approx(math.sqrt(1000))
        ordinary = weights(table, list(range(1000)), prediction, on)
        assert ordinary.max() < math.sqrt(1000), "the bound touches no ordinary schedule"


def test_zero_terminal_snr_is_that_of_diffusers(table: torch.Tensor) -> None:
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", **BETAS)
    wanted = (1 - rescale_zero_terminal_snr(scheduler.betas)).cumprod(0)
    found = zero_terminal_snr(table)
    assert torch.allclose(found, wanted, atol=2e-6)
    assert found[999] == 0
    assert found[0].item() == pytest.approx(table[0].item(), rel=1e-6)
    assert found.dtype == table.dtype
    assert (found[1:] < found[:-1]).all()
    root = {t: math.sqrt(ABAR[t]) for t in TIMESTEPS}
    for t in TIMESTEPS:
        shifted = (root[t] - root[999]) * root[0] / (root[0] - root[999])
        assert found[t].item() == pytest.approx(shifted**2, abs=2e-6)


@pytest.mark.parametrize("terminal", [False, True])
def test_noisy_latents_and_velocity_are_those_of_diffusers(
    table: torch.Tensor, terminal: bool
) -> None:
    scheduler = DDPMScheduler(
        beta_schedule="scaled_linear", rescale_betas_zero_snr=terminal, **BETAS
    )
    table = zero_terminal_snr(table) if terminal else table
    draw = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn(len(TIMESTEPS), 4, 3, 5, generator=draw) for _ in range(2))
    t = torch.tensor(TIMESTEPS)
    noisy = add_noise(latents, noise, table[t])
    assert torch.allclose(noisy, scheduler.add_noise(latents, noise, t), atol=2e-5)
    v = velocity(latents, noise, table[t])
    assert torch.allclose(v, scheduler.get_velocity(latents, noise, t), atol=2e-5)
    if terminal:
        assert torch.equal(noisy[-1], noise[-1])
        assert torch.equal(v[-1], -latents[-1])


def test_a_velocity_says_the_same_as_its_noise(table: torch.Tensor) -> None:
    """Scaled by SNR/(SNR + 1) = ā, the loss of v is that of the noise it implies."""
    draw = torch.Generator().manual_seed(1)
    latents, noise, wrong = (torch.randn(4, 4, 3, 3, generator=draw) for _ in range(3))
    t = torch.tensor([20, 200, 500, 900])
    abar = table[t]
    noisy, v = add_noise(latents, noise, abar), velocity(latents, noise, abar)
    guess = v + wrong
    keep, spoil = abar.sqrt().view(-1, 1, 1, 1), (1 - abar).sqrt().view(-1, 1, 1, 1)
    implied = spoil * noisy + keep * guess
    of_noise = (implied - noise).square().mean(dim=(1, 2, 3))
    of_v = pointwise_loss(guess, v, "l2").mean(dim=(1, 2, 3))
    scale = loss_weights(table, t, prediction="v", scale_v_like_noise=True)
    assert torch.allclose(of_v * scale, of_noise, rtol=1e-4)


def test_the_four_losses_by_hand() -> None:
    d = [-3.0, -0.5, -0.01, 0.0, 0.002, 0.1, 1.0, 7.0]
    predicted = torch.tensor(d).view(1, 1, 2, 4).expand(2, 1, 2, 4)
    target = torch.zeros_like(predicted)
    for c in ((0.1, 2.0), (1e-6, 1000.0)):
        each = torch.tensor(c)
        found = {
            kind: pointwise_loss(predicted, target, kind, each).flatten(1)
            for kind in ("l2", "l1", "huber", "smooth_l1")
        }
        for row, own_c in enumerate(c):
            for column, x in enumerate(d):
                bend = x * x / (math.hypot(x, own_c) + own_c)
                assert found["l2"][row, column].item() == pytest.approx(x * x)
                assert found["l1"][row, column].item() == pytest.approx(abs(x))
                assert found["huber"][row, column].item() == pytest.approx(2 * own_c * bend)
                assert found["smooth_l1"][row, column].item() == pytest.approx(2 * bend)
                # As sd-scripts writes it.
                plain = math.sqrt(x * x + own_c * own_c) - own_c
                assert bend == pytest.approx(plain, rel=1e-3, abs=1e-9)


def test_huber_is_square_near_and_straight_far() -> None:
    c = torch.tensor([0.5])
    near, far = torch.full((1, 4, 1, 1), 1e-3), torch.full((1, 4, 1, 1), 1e3)
    zero = torch.zeros(1, 4, 1, 1)
    assert pointwise_loss(near, zero, "huber", c)[0, 0].item() == pytest.approx(1e-6, rel=1e-3)
    assert pointwise_loss(far, zero, "huber", c)[0, 0].item() == pytest.approx(1e3, rel=1e-3)
    assert pointwise_loss(far, zero, "smooth_l1", c)[0, 0].item() == pytest.approx(2e3, rel=1e-3)


@pytest.mark.parametrize("kind", ["l2", "l1", "huber", "smooth_l1"])
def test_losses_have_finite_gradients_where_nothing_is_wrong(kind: str) -> None:
    predicted = torch.zeros(1, 4, 2, 2, requires_grad=True)
    pointwise_loss(predicted, torch.zeros(1, 4, 2, 2), kind, torch.tensor([0.1])).sum().backward()
    assert predicted.grad is not None
    assert torch.equal(predicted.grad, torch.zeros(1, 4, 2, 2))


@pytest.mark.parametrize("c", [0.1, 0.01])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_huber_schedules(table: torch.Tensor, c: float, scale: float) -> None:
    """snr does not know the scale, as in sd-scripts."""
    t = torch.tensor(TIMESTEPS)
    constant = huber_c_for(t, table, "constant", c, scale)
    exponential = huber_c_for(t, table, "exponential", c, scale)
    snr = huber_c_for(t, table, "snr", c, scale)
    for place, step in enumerate(TIMESTEPS):
        sigma = math.sqrt((1 - ABAR[step]) / ABAR[step])
        assert constant[place].item() == pytest.approx(c * scale)
        wanted = math.exp(math.log(c) / 1000 * step) * scale
        assert exponential[place].item() == pytest.approx(wanted, rel=1e-5)
        wanted = (1 - c) / (1 + sigma) ** 2 + c
        assert snr[place].item() == pytest.approx(wanted, rel=1e-4)
    last = huber_c_for(torch.tensor([999]), zero_terminal_snr(table), "snr", c)
    assert last.item() == pytest.approx(c)


def test_unknown_names_are_refused(table: torch.Tensor) -> None:
    one = torch.zeros(1, 4, 1, 1)
    with pytest.raises(RecipeError, match="'l3'"):
        pointwise_loss(one, one, "l3", torch.ones(1))
    with pytest.raises(RecipeError, match="'linear'"):
        huber_c_for(torch.tensor([1]), table, "linear", 0.1)


def test_a_mask_leaves_what_is_white() -> None:
    """Averaged by area to the latents' size, and not made up for."""
    loss = torch.ones(2, 4, 2, 2)
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, :, :8, :8] = 1
    mask[1, :, 4:12, :8] = 1
    found = masked(loss, mask)
    assert torch.equal(found[0, 0], torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    assert torch.equal(found[1, 3], torch.tensor([[0.5, 0.0], [0.5, 0.0]]))
    assert found[0].mean().item() == 0.25
    assert torch.equal(masked(loss, mask[:, 0]), found)
    small = torch.rand(2, 1, 2, 2)
    assert torch.equal(masked(loss, small), small.expand(2, 4, 2, 2))


# noise, picture by picture

SHAPE = (4, 24, 40)


def test_a_noise_offset_moves_whole_channels() -> None:
    plain = training_noise(SHAPE, 7, 3, range(6))
    moved = training_noise(SHAPE, 7, 3, range(6), offset=0.1)
    by = moved - plain
    assert torch.allclose(by, by[:, :, :1, :1].expand_as(by), atol=1e-6)
    assert by[:, :, 0, 0].unique().numel() == 24, "each channel of each picture its own"
    many = torch.cat(
        [
            training_noise((4, 1, 1), 7, number, range(8), offset=0.5)
            - training_noise((4, 1, 1), 7, number, range(8))
            for number in range(100)
        ]
    )
    assert many.std().item() == pytest.approx(0.5, rel=0.05)
    assert abs(many.mean().item()) < 0.03


def test_a_random_noise_offset_is_drawn_for_the_batch() -> None:
    """Anything from 0 to the offset, one number for all pictures of a batch."""
    ratios = []
    for number in range(60):
        plain = training_noise(SHAPE, 7, number, range(2))
        full = training_noise(SHAPE, 7, number, range(2), offset=0.4) - plain
        some = training_noise(SHAPE, 7, number, range(2), offset=0.4, offset_random=True) - plain
        share = (some[:, :, 0, 0] / full[:, :, 0, 0]).flatten()
        assert torch.allclose(share, share[0].expand_as(share), atol=1e-3)
        ratios.append(share.mean().item())
    assert 0 <= min(ratios) < 0.15
    assert 0.85 < max(ratios) <= 1.001
    assert sum(ratios) / 60 == pytest.approx(0.5, abs=0.12)


def test_multires_noise_has_a_deviation_of_1_and_neighbours_that_agree() -> None:
    """Six sizes at a discount of 0.3, sd-scripts' defaults, and stronger ones."""
    plain = training_noise((4, 64, 64), 5, 0, range(4))
    alike = {}
    for discount in (0.0, 0.3, 0.8):
        noise = training_noise(
            (4, 64, 64), 5, 0, range(4), multires_iterations=6, multires_discount=discount
        )
        assert torch.allclose(noise.std(dim=(1, 2, 3)), torch.ones(4), atol=1e-5)
        alike[discount] = (noise[..., 1:] * noise[..., :-1]).mean().item()
    assert not torch.equal(noise, plain)
    assert abs(alike[0.0]) < 0.02
    assert 0.01 < alike[0.3] < alike[0.8]
    assert alike[0.8] > 0.2


def test_multires_noise_follows_its_formula() -> None:
    """The first layer has full size and counts once more, as there: ε + ε₁ + discount·ε₂ + …"""
    one = training_noise((4, 16, 16), 5, 0, range(1), multires_iterations=1, multires_discount=0.3)
    plain = training_noise((4, 16, 16), 5, 0, range(1))
    similar = (one * plain).mean() / (one.std() * plain.std())
    assert similar.item() == pytest.approx(math.sqrt(0.5), abs=0.06)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"offset": 0.1},
        {"offset": 0.1, "offset_random": True},
        {"multires_iterations": 6, "multires_discount": 0.3},
    ],
)
def test_cutting_a_batch_changes_no_noise(options: dict[str, float]) -> None:
    whole = training_noise((5, *SHAPE), 23, 11, range(5), **options)  # type: ignore[arg-type]
    parts = [
        training_noise(SHAPE, 23, 11, slots, **options)  # type: ignore[arg-type]
        for slots in (range(2), range(2, 3), range(3, 5))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(training_noise(SHAPE, 23, 12, range(5)), whole)


@pytest.mark.parametrize("random_strength", [False, True])
def test_cutting_a_batch_changes_no_ip_noise(random_strength: bool) -> None:
    noise = training_noise(SHAPE, 23, 11, range(4))
    how = {"gamma": 0.05, "random_strength": random_strength}
    whole = input_noise(noise, 23, 11, range(4), **how)  # type: ignore[arg-type]
    parts = [
        input_noise(noise[s.start : s.stop], 23, 11, s, **how)  # type: ignore[arg-type]
        for s in (range(1), range(1, 4))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert 0 < (whole - noise).std().item() < 0.051
    if not random_strength:
        assert (whole - noise).std().item() == pytest.approx(0.05, rel=0.03)
    assert input_noise(noise, 23, 11, range(4), gamma=0.0) is noise


def test_offset_and_multires_exclude_each_other() -> None:
    with pytest.raises(RecipeError, match="cannot be combined"):
        training_noise(SHAPE, 1, 1, range(1), offset=0.1, multires_iterations=6)


def test_a_range_of_timesteps_leaves_out_its_end() -> None:
    found = torch.cat([draw_timesteps(8, 1, number, 200, 203) for number in range(40)])
    assert set(found.tolist()) == {200, 201, 202}
    for low, high in ((5, 5), (6, 5), (0, 1001), (-1, 5)):
        with pytest.raises(RecipeError, match="must be below the highest"):
            draw_timesteps(1, 1, 0, low, high)
