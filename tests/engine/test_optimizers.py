"""Every optimizer learns, has its own settings, and says so when its library is missing."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.core.errors import DeviceError, RecipeError
from lorabake.core.settings import setting_fields
from lorabake.engine.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    optimizer_settings,
    schedule_of,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_guides_optimizers_are_there() -> None:
    assert {"adamw", "adamw8bit", "came"} <= set(OPTIMIZERS.names)


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_every_optimizer_lowers_a_quadratic(name: str) -> None:
    """Two groups with rates of their own; one tensor is large enough for 8 bit."""
    large = torch.nn.Parameter(torch.full((64, 128), 2.0))
    small = torch.nn.Parameter(torch.full((3, 5), -2.0))
    finds_its_rate = OPTIMIZERS[name].wants_equal_rates
    groups = [
        group(large, lr=1.0 if finds_its_rate else 0.1),
        group(small, lr=0.0, name="text_encoder_1"),
    ]
    optimizer = build_optimizer(name, groups, {})
    for _ in range(100 if finds_its_rate else 10):
        optimizer.zero_grad()
        ((large - 1).square().sum() + (small - 1).square().sum()).backward()
        optimizer.step()
    assert (large.detach() - 1).abs().max() < 0.6
    assert torch.equal(small.detach(), torch.full((3, 5), -2.0)), "a rate of 0 learns nothing"
    assert [group["name"] for group in optimizer.param_groups] == ["unet", "text_encoder_1"]


RENAMED = {"decouple": "weight_decouple", "use_bias_correction": "bias_correction"}
NOT_IN_GROUPS = {"adafactor": {"beta1", "eps", "decay_rate", "clip_threshold"}}


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_every_setting_of_an_optimizer_reaches_it(name: str) -> None:
    args: dict[str, Any] = {}
    for spec in setting_fields(OPTIMIZERS[name].settings):
        if spec.type == "floats":
            args[spec.name] = [0.5 + 0.1 * n for n in range(len(spec.default))]
        elif spec.type == "bool":
            args[spec.name] = not spec.default
        elif spec.type == "int":
            args[spec.name] = 7
        else:
            args[spec.name] = -0.5 if spec.maximum == 0 else 0.003
    optimizer = build_optimizer(name, [group(torch.nn.Parameter(torch.ones(2, 2)))], args)
    built = optimizer.param_groups[0]
    for key, value in args.items():
        if key not in NOT_IN_GROUPS.get(name, ()):
            found = built["d" if (name, key) == ("dadapt_adam", "d0") else RENAMED.get(key, key)]
            assert found == (pytest.approx(tuple(value)) if isinstance(value, list) else value)
    if name == "adafactor":
        assert built["betas"][0] == 0.003
        assert (built["eps1"], built["eps2"]) == (0.5, 0.6)
        assert (optimizer.decay_rate, optimizer.clip_threshold) == (-0.5, 0.003)


def group(*weights: torch.nn.Parameter, lr: float = 1e-3, name: str = "unet") -> dict[str, Any]:
    return {"params": list(weights), "lr": lr, "name": name}


def came_written_out(
    weight: torch.Tensor, grads: list[torch.Tensor], rate: float, decay: float
) -> torch.Tensor:
    """CAME for one matrix with its default betas: Luo et al. 2023, algorithm 2."""
    rows, columns = weight.shape
    row, column = torch.zeros(rows), torch.zeros(columns)
    unsure_row, unsure_column = torch.zeros(rows), torch.zeros(columns)
    momentum = torch.zeros_like(weight)

    def inverse_root(by_row: torch.Tensor, by_column: torch.Tensor) -> torch.Tensor:
        return 1 / torch.sqrt(torch.outer(by_row, by_column) / by_row.mean())

    for grad in grads:
        weight = weight * (1 - rate * decay)
        squared = grad**2 + 1e-30
        row = 0.999 * row + 0.001 * squared.mean(1)
        column = 0.999 * column + 0.001 * squared.mean(0)
        update = grad * inverse_root(row, column)
        update = update / max(1.0, update.square().mean().sqrt().item())
        momentum = 0.9 * momentum + 0.1 * update
        unsure = (update - momentum) ** 2 + 1e-16
        unsure_row = 0.9999 * unsure_row + 0.0001 * unsure.mean(1)
        unsure_column = 0.9999 * unsure_column + 0.0001 * unsure.mean(0)
        weight = weight - rate * momentum * inverse_root(unsure_row, unsure_column)
    return weight


def test_came_follows_its_paper() -> None:
    """weight_decay=0.08, as the guide has it, over five steps."""
    torch.manual_seed(0)
    start = torch.randn(6, 9)
    grads = [torch.randn(6, 9) * 10.0 ** -(n % 3) for n in range(5)]
    weight = torch.nn.Parameter(start.clone())
    groups = [{"params": [weight], "lr": 1e-3, "name": "unet"}]
    optimizer = build_optimizer("came", groups, {"weight_decay": 0.08})
    for grad in grads:
        weight.grad = grad.clone()
        optimizer.step()
    wanted = came_written_out(start, grads, 1e-3, 0.08)
    assert (wanted - start).abs().max() > 0.01
    assert torch.allclose(weight.detach(), wanted, atol=1e-6, rtol=1e-5)


def test_came_follows_the_guides_trainer_on_every_shape() -> None:
    """60 steps of a matrix, a 3×3 kernel, a 1×1 kernel and a vector, at a rate that changes.

    Kernels are factored over their last two sides, as there. A vector is not factored; the guide's
    trainer multiplies its momentum by the rate in place and so forgets it, which must not happen.
    """
    torch.manual_seed(0)
    shapes = [(6, 9), (4, 5, 3, 3), (5, 4, 1, 1), (1, 7), (11,)]
    starts = [torch.randn(shape) for shape in shapes]
    grads = [[torch.randn(shape) * 10.0 ** -(n % 4) for shape in shapes] for n in range(60)]
    rates = [1e-3 * (1 - n / 100) for n in range(60)]
    weights = [torch.nn.Parameter(start.clone()) for start in starts]
    run(build_optimizer("came", [group(*weights)], {"weight_decay": 0.08}), grads, rates)
    for place, (start, weight) in enumerate(zip(starts, weights, strict=True)):
        wanted = came_on_last_two_sides(start, [step[place] for step in grads], rates, 0.08)
        assert (wanted - start).abs().max() > 0.01
        assert torch.allclose(weight.detach(), wanted, atol=2e-6, rtol=1e-4), start.shape


def came_on_last_two_sides(
    weight: torch.Tensor, grads: list[torch.Tensor], rates: list[float], decay: float
) -> torch.Tensor:
    """The step of the guide's trainer's CAME, after its description, in double precision."""
    weight, factored = weight.double(), weight.dim() >= 2
    row = column = unsure_row = unsure_column = full = momentum = torch.zeros(
        (), dtype=torch.double
    )

    def inverse_root(by_row: torch.Tensor, by_column: torch.Tensor) -> torch.Tensor:
        share = by_row / by_row.mean(-1, keepdim=True)
        return share.rsqrt().unsqueeze(-1) * by_column.rsqrt().unsqueeze(-2)

    for grad, rate in zip(grads, rates, strict=True):
        grad = grad.double()
        squared = grad**2 + 1e-30
        if factored:
            row = 0.999 * row + 0.001 * squared.mean(-1)
            column = 0.999 * column + 0.001 * squared.mean(-2)
            update = grad * inverse_root(row, column)
        else:
            full = 0.999 * full + 0.001 * squared
            update = grad * full.rsqrt()
        update = update / max(1.0, update.square().mean().sqrt().item())
        momentum = 0.9 * momentum + 0.1 * update
        step = momentum
        if factored:
            unsure = (update - momentum) ** 2 + 1e-16
            unsure_row = 0.9999 * unsure_row + 0.0001 * unsure.mean(-1)
            unsure_column = 0.9999 * unsure_column + 0.0001 * unsure.mean(-2)
            step = momentum * inverse_root(unsure_row, unsure_column)
        weight = weight * (1 - rate * decay) - rate * step
    return weight.float()


def run(
    optimizer: torch.optim.Optimizer, grads: list[list[torch.Tensor]], rates: list[float]
) -> None:
    """Steps with these gradients, the rate of every group set before each as a trainer does."""
    for gradients, rate in zip(grads, rates, strict=True):
        weights = [weight for each in optimizer.param_groups for weight in each["params"]]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
        for each in optimizer.param_groups:
            each["lr"] = rate
        optimizer.step()


class ProdigyWrittenOut:
    """Prodigy, algorithm 4 of its paper with prodigyopt's options.

    In single precision as there: x₀ − x is rounded alike. Rates may differ only in being 0.
    """

    def __init__(self, weights: list[torch.Tensor], **options: Any) -> None:
        self.x = [weight.clone() for weight in weights]
        self.x0 = [x.clone() for x in self.x]
        self.m, self.v, self.s = ([torch.zeros_like(x) for x in self.x] for _ in range(3))
        self.options = {
            "betas": (0.9, 0.999),
            "weight_decay": 0.0,
            "decouple": True,
            "d_coef": 1.0,
            "use_bias_correction": False,
            "safeguard_warmup": False,
            "growth_rate": math.inf,
            **options,
        }
        self.d = self.d_max = self.d0 = self.options.get("d0", 1e-6)
        self.numerator, self.steps = 0.0, 0

    def step(self, grads: list[torch.Tensor], rates: list[float]) -> None:
        o = self.options
        beta1, beta2 = o["betas"]
        beta3 = math.sqrt(beta2)
        rate = max(rates)
        correction = 1.0
        if o["use_bias_correction"]:
            correction = math.sqrt(1 - beta2 ** (self.steps + 1)) / (1 - beta1 ** (self.steps + 1))
        d_rate = self.d * rate * correction
        numerator, denominator = self.numerator * beta3, 0.0
        for n, grad in enumerate(grads):
            g = grad
            if not o["decouple"]:
                g = g + o["weight_decay"] * self.x[n]
            if rates[n] == 0:
                continue
            numerator += self.d / self.d0 * d_rate * (g * (self.x0[n] - self.x[n])).sum().item()
            self.m[n] = beta1 * self.m[n] + self.d * (1 - beta1) * g
            self.v[n] = beta2 * self.v[n] + self.d**2 * (1 - beta2) * g**2
            pace = self.d if o["safeguard_warmup"] else d_rate
            self.s[n] = beta3 * self.s[n] + self.d / self.d0 * pace * g
            denominator += self.s[n].abs().sum().item()
        if denominator == 0:
            return
        self.numerator = numerator
        found = o["d_coef"] * numerator / denominator
        if self.d == self.d0:
            self.d = max(self.d, found)
        self.d_max = max(self.d_max, found)
        self.d = min(self.d_max, self.d * o["growth_rate"])
        for n, own_rate in enumerate(rates):
            if own_rate == 0:
                continue
            if o["decouple"]:
                self.x[n] = self.x[n] * (1 - o["weight_decay"] * d_rate)
            self.x[n] = self.x[n] - d_rate * self.m[n] / (self.v[n].sqrt() + self.d * 1e-8)
        self.steps += 1


GUIDE = {
    "decouple": True,
    "weight_decay": 0.01,
    "betas": [0.9, 0.999],
    "d_coef": 2,
    "use_bias_correction": True,
    "safeguard_warmup": True,
}


@pytest.mark.parametrize(
    ("args", "warmup"),
    [
        (GUIDE, 0),
        (GUIDE, 5),
        ({}, 0),
        ({}, 5),
        ({"decouple": False, "weight_decay": 0.05}, 0),
        ({"growth_rate": 1.1, "d0": 1e-5}, 0),
    ],
)
def test_prodigy_follows_prodigyopt(args: dict[str, Any], warmup: int) -> None:
    """80 steps towards a target that noise hides; a warm-up begins at a rate of exactly 0."""
    torch.manual_seed(1)
    starts = [torch.randn(6, 9) * 0.1, torch.zeros(4, 6), torch.randn(4, 5, 3, 3) * 0.1]
    targets = [torch.randn_like(start) for start in starts]
    weights = [torch.nn.Parameter(start.clone()) for start in starts]
    optimizer = build_optimizer("prodigy", [group(*weights[:2]), group(weights[2])], args)
    written_out = ProdigyWrittenOut(starts, **args)
    for step in range(80):
        rate = min(1.0, step / warmup) if warmup else 1.0
        grads = [
            weight.detach() - target + 0.3 * torch.randn_like(target)
            for weight, target in zip(weights, targets, strict=True)
        ]
        run(optimizer, [grads], [rate])
        written_out.step(grads, [rate] * 3)
        for each in optimizer.param_groups:
            assert each["d"] == pytest.approx(written_out.d, rel=1e-4), step
    assert written_out.d > 1e-4
    for weight, wanted in zip(weights, written_out.x, strict=True):
        assert torch.allclose(weight.detach(), wanted, rtol=1e-3, atol=1e-5)


def test_prodigys_groups_may_differ() -> None:
    """One d for all. A group of rate 0 has no part in it; one of half the rate goes half as far."""
    torch.manual_seed(2)
    starts = [torch.randn(5, 6) for _ in range(3)]
    grads = [[torch.randn(5, 6) for _ in range(3)] for _ in range(60)]
    for first_rate, rates in ((1.0, (1.0, 0.0)), (0.0, (0.0, 1.0))):
        weights = [torch.nn.Parameter(start.clone()) for start in starts[:2]]
        groups = [
            group(weight, lr=rate, name=name)
            for weight, rate, name in zip(weights, rates, ("unet", "te"), strict=True)
        ]
        optimizer = build_optimizer("prodigy", groups, {"weight_decay": 0.1})
        written_out = ProdigyWrittenOut(starts[:2], weight_decay=0.1)
        for gradients in grads:
            for weight, gradient in zip(weights, gradients[:2], strict=True):
                weight.grad = gradient.clone()
            optimizer.step()
            written_out.step(gradients[:2], list(rates))
        assert optimizer.param_groups[0]["lr"] == first_rate
        for weight, wanted in zip(weights, written_out.x, strict=True):
            assert torch.allclose(weight.detach(), wanted, atol=1e-5)
        moved = [
            not torch.equal(w.detach(), start) for w, start in zip(weights, starts, strict=False)
        ]
        assert moved == [rate > 0 for rate in rates]

    moves = {}
    for share in (1.0, 0.5):
        weights = [torch.nn.Parameter(start.clone()) for start in starts[:2]]
        groups = [group(weights[0], lr=0.8), group(weights[1], lr=0.8 * share, name="te")]
        optimizer = build_optimizer("prodigy", groups, {"d0": 1e-2})
        for weight, gradient in zip(weights, grads[0], strict=False):
            weight.grad = gradient.clone()
        optimizer.step()
        moves[share] = [w.detach() - start for w, start in zip(weights, starts, strict=False)]
        rates_now = OPTIMIZERS["prodigy"].effective_rates(optimizer)
        d = optimizer.param_groups[0]["d"]
        assert rates_now == {"unet": d * 0.8, "te": d * 0.8 * share}
    assert torch.equal(moves[0.5][0], moves[1.0][0])
    assert torch.allclose(moves[0.5][1], moves[1.0][1] / 2, atol=1e-6)
    assert moves[1.0][1].abs().max() > 1e-3


def test_prodigys_d_grows_to_a_useful_rate() -> None:
    """With the guide's arguments, on a task that needs a rate far above the first d of 1e-6."""
    weight = torch.nn.Parameter(torch.full((8, 8), 3.0))
    optimizer = build_optimizer("prodigy", [group(weight, lr=1.0)], GUIDE)
    rates = []
    for _ in range(60):
        weight.grad = weight.detach() - 1
        optimizer.step()
        rates.append(OPTIMIZERS["prodigy"].effective_rates(optimizer)["unet"])
    assert rates == sorted(rates)
    assert rates[0] < 1e-5
    assert rates[-1] > 0.01


@pytest.mark.parametrize("bias_correction", [False, True])
@pytest.mark.parametrize("decouple", [False, True])
def test_d_adaptation_follows_its_paper(decouple: bool, bias_correction: bool) -> None:
    """80 steps against dadaptation's Adam, written out in double precision; one group rests."""
    torch.manual_seed(3)
    starts = [torch.randn(6, 9) * 0.1, torch.randn(4, 5, 3, 3) * 0.1, torch.randn(3, 3)]
    targets = [torch.randn_like(start) for start in starts]
    weights = [torch.nn.Parameter(start.clone()) for start in starts]
    args = {"weight_decay": 0.02, "decouple": decouple, "use_bias_correction": bias_correction}
    groups = [
        group(weights[0], lr=1.0),
        group(weights[1], lr=1.0),
        group(weights[2], lr=0.0, name="te"),
    ]
    optimizer = build_optimizer("dadapt_adam", groups, args)
    x = [start.double() for start in starts[:2]]
    m, v, s = ([torch.zeros_like(each) for each in x] for _ in range(3))
    d, weighted, root = 1e-6, 0.0, math.sqrt(0.999)
    for step in range(80):
        grads = [
            w.detach() - target + 0.3 * torch.randn_like(target)
            for w, target in zip(weights, targets, strict=True)
        ]
        for weight, gradient in zip(weights, grads, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
        rate = d
        if bias_correction:
            rate *= math.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        numerator, size = 0.0, 0.0
        for n in range(2):
            g = grads[n].double()
            if not decouple:
                g = g + 0.02 * x[n]
            numerator += rate * (g * s[n] / (v[n].sqrt() + 1e-8)).sum().item()
            m[n] = 0.9 * m[n] + 0.1 * rate * g
            v[n] = 0.999 * v[n] + 0.001 * g**2
            s[n] = root * s[n] + (1 - root) * rate * g
            size += s[n].abs().sum().item()
        weighted = root * weighted + (1 - root) * numerator
        d = max(d, weighted / ((1 - root) * size))
        for n in range(2):
            if decouple:
                x[n] = x[n] * (1 - 0.02 * rate)
            x[n] = x[n] - m[n] / (v[n].sqrt() + 1e-8)
        assert optimizer.param_groups[0]["d"] == pytest.approx(d, rel=1e-4), step
    assert d > 1e-4
    for weight, wanted in zip(weights, x, strict=False):
        assert torch.allclose(weight.detach(), wanted.float(), rtol=1e-3, atol=1e-5)
    assert torch.equal(weights[2].detach(), starts[2])
    rates = OPTIMIZERS["dadapt_adam"].effective_rates(optimizer)
    assert rates == {"unet": pytest.approx(d, rel=1e-4), "te": 0.0}


def test_lion_follows_its_paper() -> None:
    torch.manual_seed(4)
    start = torch.randn(6, 9)
    grads = [torch.randn(6, 9) for _ in range(50)]
    weight = torch.nn.Parameter(start.clone())
    optimizer = build_optimizer("lion", [group(weight)], {"weight_decay": 0.1})
    run(optimizer, [[grad] for grad in grads], [1e-3] * 50)
    wanted, momentum = start.double(), torch.zeros(6, 9, dtype=torch.double)
    for grad in grads:
        direction = (0.9 * momentum + 0.1 * grad.double()).sign()
        wanted = wanted * (1 - 1e-3 * 0.1) - 1e-3 * direction
        momentum = 0.99 * momentum + 0.01 * grad.double()
    assert torch.allclose(weight.detach(), wanted.float(), atol=1e-5)


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"weight_decay": 0.05, "beta1": 0.9, "clip_threshold": 0.5},
        {"scale_parameter": True},
        {"relative_step": True, "scale_parameter": True},
        {"warmup_init": True, "decay_rate": -0.5, "eps": [1e-20, 1e-2]},
    ],
)
def test_adafactor_is_that_of_transformers(args: dict[str, Any]) -> None:
    """The one sd-scripts uses, over 60 steps of a matrix, a kernel, a row and a vector."""
    from transformers.optimization import Adafactor

    torch.manual_seed(5)
    shapes = [(6, 9), (4, 5, 3, 3), (1, 7), (8,)]
    starts = [torch.randn(shape) for shape in shapes]
    grads = [[torch.randn(shape) * 10.0 ** -(n % 4) for shape in shapes] for n in range(60)]
    rates = [1e-3 * (1 - n / 100) for n in range(60)]
    ours = [torch.nn.Parameter(start.clone()) for start in starts]
    theirs = [torch.nn.Parameter(start.clone()) for start in starts]
    run(build_optimizer("adafactor", [group(*ours)], args), grads, rates)
    relative = args.get("relative_step", False) or args.get("warmup_init", False)
    oracle = Adafactor(
        [{"params": theirs}],
        lr=None if relative else 1e-3,
        **{"scale_parameter": False, **args, "relative_step": relative},
    )
    for gradients, rate in zip(grads, rates, strict=True):
        for weight, gradient in zip(theirs, gradients, strict=True):
            weight.grad = gradient.clone()
        if not relative:
            oracle.param_groups[0]["lr"] = rate
        oracle.step()
    for mine, wanted, start in zip(ours, theirs, starts, strict=True):
        assert (wanted.detach() - start).abs().max() > 1e-4
        assert torch.allclose(mine.detach(), wanted.detach(), atol=2e-6, rtol=1e-4)


def test_adafactor_says_what_rate_it_takes() -> None:
    entry = OPTIMIZERS["adafactor"]
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = entry.build([group(weight)], entry.settings())
    assert entry.effective_rates(optimizer) == {"unet": 1e-3}
    optimizer = entry.build([group(weight)], entry.settings(relative_step=True))
    run(optimizer, [[torch.ones(2, 2)]] * 3, [1e-3] * 3)
    assert entry.effective_rates(optimizer) == {"unet": 1e-2}
    optimizer = entry.build([group(weight)], entry.settings(warmup_init=True))
    run(optimizer, [[torch.ones(2, 2)]] * 3, [1e-3] * 3)
    assert entry.effective_rates(optimizer) == {"unet": pytest.approx(3e-6)}


@pytest.mark.parametrize("size", [1.0, 1e-8])
def test_schedule_free_adamw_follows_its_paper(size: float) -> None:
    """60 steps after schedulefree, written out with its three points; also for tiny gradients."""
    torch.manual_seed(6)
    start = torch.randn(6, 9)
    grads = [size * torch.randn(6, 9) for _ in range(60)]
    rates = [1e-2 * min(1.0, step / 10) for step in range(60)]
    weight = torch.nn.Parameter(start.clone())
    entry = OPTIMIZERS["adamw_schedulefree"]
    optimizer = entry.build([group(weight)], entry.settings(weight_decay=0.1))
    run(optimizer, [[grad] for grad in grads], rates)
    x, z = start.double(), start.double()
    v, total, peak = torch.zeros(6, 9, dtype=torch.double), 0.0, 0.0
    for step, (grad, rate) in enumerate(zip(grads, rates, strict=True), 1):
        y = 0.1 * z + 0.9 * x
        v = 0.999 * v + 0.001 * grad.double() ** 2
        change = grad.double() / ((v / (1 - 0.999**step)).sqrt() + 1e-8) + 0.1 * y
        z = z - rate * change
        peak = max(peak, rate)
        total += peak**2
        share = peak**2 / total if total else 0.0
        x = (1 - share) * x + share * z
    y = 0.1 * z + 0.9 * x
    assert torch.allclose(weight.detach(), y.float(), atol=1e-5)
    trained = weight.detach().clone()
    entry.training(optimizer, False)
    assert torch.allclose(weight.detach(), x.float(), atol=1e-5)
    assert (weight.detach() - trained).abs().max() > 1e-4
    entry.training(optimizer, False)
    entry.training(optimizer, True)
    entry.training(optimizer, True)
    assert torch.equal(weight.detach(), trained), "looking must not change a bit"


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_going_to_the_weights_to_save_and_back_changes_nothing(name: str) -> None:
    torch.manual_seed(7)
    weight = torch.nn.Parameter(torch.randn(8, 8))
    grads = [[torch.randn(8, 8)] for _ in range(12)]
    optimizer = build_optimizer(name, [group(weight)], {})
    watched = torch.nn.Parameter(weight.detach().clone())
    other = build_optimizer(name, [group(watched)], {})
    entry = OPTIMIZERS[name]
    entry.training(other, False)
    entry.training(other, True)
    for gradients in grads:
        run(optimizer, [gradients], [1e-2])
        run(other, [gradients], [1e-2])
        entry.training(other, False)
        entry.training(other, True)
    assert torch.equal(weight.detach(), watched.detach())


def test_schedules_of_optimizers_that_need_none() -> None:
    assert schedule_of("adamw_schedulefree", "rex") == "constant_with_warmup"
    assert schedule_of("came", "rex") == "rex"
    assert [entry.name for entry in OPTIMIZERS if entry.own_schedule] == ["adamw_schedulefree"]
    assert [entry.name for entry in OPTIMIZERS if entry.wants_equal_rates] == [
        *("prodigy", "dadapt_adam")
    ]


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_rates_are_named_after_their_groups(name: str) -> None:
    groups = [
        group(torch.nn.Parameter(torch.ones(2, 2)), lr=0.5),
        group(torch.nn.Parameter(torch.ones(2, 2)), lr=0.25, name="text_encoder_1"),
    ]
    optimizer = build_optimizer(name, groups, {})
    rates = OPTIMIZERS[name].effective_rates(optimizer)
    scale = 1e-6 if OPTIMIZERS[name].wants_equal_rates else 1.0
    assert rates == {"unet": 0.5 * scale, "text_encoder_1": 0.25 * scale}


def test_adamw8bit_says_so_when_a_device_cannot_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card without 8-bit code fails when the bake starts, with a sentence."""
    from bitsandbytes.optim import adamw

    def no_kernel(self: Any, closure: Any = None) -> None:
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(adamw.AdamW8bit, "step", no_kernel)
    with pytest.raises(DeviceError, match=r"no kernel image.*Choose AdamW instead"):
        build_optimizer("adamw8bit", [group(torch.nn.Parameter(torch.ones(2, 2)))], {})


def test_adamw8bit_runs_without_a_graphics_card() -> None:
    """64 × 128 is large enough for 8 bit: it follows AdamW within what 8 bit can hold."""
    torch.manual_seed(8)
    start = torch.randn(64, 128)
    grads = [[torch.randn(64, 128)] for _ in range(20)]
    moved = {}
    for name in ("adamw", "adamw8bit"):
        weight = torch.nn.Parameter(start.clone())
        optimizer = build_optimizer(name, [group(weight)], {"weight_decay": 0.1})
        run(optimizer, grads, [1e-3] * 20)
        moved[name] = weight.detach() - start
    assert optimizer.state[weight]["state1"].dtype == torch.uint8
    apart = (moved["adamw8bit"] - moved["adamw"]).norm() / moved["adamw"].norm()
    assert 0 < apart < 0.1


def test_adamw_follows_its_formula() -> None:
    """weight_decay=0.1, betas=[0.9,0.99], as the guide has it for NAI."""
    torch.manual_seed(0)
    start = torch.randn(4, 5)
    grads = [torch.randn(4, 5) for _ in range(5)]
    weight = torch.nn.Parameter(start.clone())
    groups = [{"params": [weight], "lr": 1e-3, "name": "unet"}]
    optimizer = build_optimizer("adamw", groups, {"weight_decay": 0.1, "betas": [0.9, 0.99]})
    wanted, m, v = start, torch.zeros(4, 5), torch.zeros(4, 5)
    for step, grad in enumerate(grads, 1):
        weight.grad = grad.clone()
        optimizer.step()
        m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2
        change = (m / (1 - 0.9**step)) / ((v / (1 - 0.99**step)).sqrt() + 1e-8)
        wanted = wanted * (1 - 1e-3 * 0.1) - 1e-3 * change
    assert torch.allclose(weight.detach(), wanted, atol=1e-6)


def test_adamw8bit_without_its_library_names_adamw() -> None:
    """In a fresh Python in which bitsandbytes cannot be imported at all."""
    program = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "bitsandbytes":
            raise ImportError("No module named 'bitsandbytes'")

sys.meta_path.insert(0, Missing())
from lorabake.core.errors import DeviceError
from lorabake.engine.optimizers import build_optimizer

try:
    build_optimizer("adamw8bit", [], {})
except DeviceError as error:
    print(error)
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    sentence, torch_loaded = done.stdout.splitlines()
    assert "AdamW8bit needs bitsandbytes" in sentence
    assert "Choose AdamW instead" in sentence
    assert torch_loaded == "False", "names and settings come without the heavy libraries"


@pytest.mark.parametrize(
    ("name", "args", "sentence"),
    [
        ("adamw", {"betas": [0.9, 0.99, 0.999]}, "Betas of AdamW needs 2 numbers, not 3"),
        ("came", {"betas": [0.9, 0.99]}, "Betas of CAME needs 3 numbers, not 2"),
        ("adamw", {"betas": [0.9, 1.0]}, "from 0 to 0.99999"),
        ("adamw", {"weight_decay": -0.1}, "from 0 to 1"),
        ("adamw", {"wieght_decay": 0.1}, "Did you mean 'weight_decay'"),
        ("came", {"eps": 1e-8}, "called 'eps'"),
        ("adamW", {}, "Did you mean 'adamw'"),
        ("came8bit", {}, "There are: adamw"),
    ],
)
def test_optional_args_that_do_not_fit_are_refused(
    name: str, args: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RecipeError) as refused:
        optimizer_settings(name, args)
    assert sentence in str(refused.value)


def test_optional_args_may_be_texts() -> None:
    settings = optimizer_settings("adamw8bit", {"betas": "0.9,0.99", "weight_decay": "0.1"})
    assert (settings.betas, settings.weight_decay) == ((0.9, 0.99), 0.1)


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_every_setting_has_a_label(name: str) -> None:
    for spec in setting_fields(OPTIMIZERS[name].settings):
        assert spec.label
        assert spec.help or spec.more or spec.name == "weight_decay", spec.name
