"""Every optimizer learns, has its own settings, and says so when its library is missing.

That each is what its name says is shown in tests/parity/.
"""

from __future__ import annotations

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
from tests.stepping import group, run

ROOT = Path(__file__).resolve().parents[2]

GUIDE = {
    "decouple": True,
    "weight_decay": 0.01,
    "betas": [0.9, 0.999],
    "d_coef": 2,
    "use_bias_correction": True,
    "safeguard_warmup": True,
}


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
