"""Every optimizer learns, has its own settings, and says so when its library is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.core.errors import RecipeError
from lorabake.core.settings import setting_fields
from lorabake.engine.optimizers import OPTIMIZERS, build_optimizer, optimizer_settings

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
