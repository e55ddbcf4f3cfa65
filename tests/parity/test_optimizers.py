"""Each optimizer against its paper, or against the program the guide's trainer takes it from.

The algorithms are written out here anew; only Adafactor's original, transformers', is run itself.
Prodigy and D-Adaptation are in test_distance.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lorabake.engine.optimizers import OPTIMIZERS, build_optimizer
from tests.stepping import group, run

torch.set_num_threads(1)


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
