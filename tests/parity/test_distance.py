"""Prodigy and D-Adaptation, which find their rate themselves, against their originals written out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lorabake.engine.optimizers import OPTIMIZERS, build_optimizer
from tests.stepping import group, run

torch.set_num_threads(1)


GUIDE = {
    "decouple": True,
    "weight_decay": 0.01,
    "betas": [0.9, 0.999],
    "d_coef": 2,
    "use_bias_correction": True,
    "safeguard_warmup": True,
}


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
@pytest.mark.parametrize("foreach", [None, True])
def test_prodigy_follows_prodigyopt(
    args: dict[str, Any], warmup: int, foreach: bool | None
) -> None:
    """80 steps towards a target that noise hides; a warm-up begins at a rate of exactly 0.

    foreach: what the library does by itself on a graphics card.
    """
    torch.manual_seed(1)
    starts = [torch.randn(6, 9) * 0.1, torch.zeros(4, 6), torch.randn(4, 5, 3, 3) * 0.1]
    targets = [torch.randn_like(start) for start in starts]
    weights = [torch.nn.Parameter(start.clone()) for start in starts]
    optimizer = build_optimizer("prodigy", [group(*weights[:2]), group(weights[2])], args)
    for each in optimizer.param_groups:
        each["foreach"] = foreach
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
