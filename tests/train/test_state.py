"""A state read back goes on to the same bits, whatever the optimizer; a damaged one does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.core.errors import TrainingError
from lorabake.engine.noise import generator
from lorabake.engine.optimizers import OPTIMIZERS, build_optimizer
from lorabake.train.state import Progress, load_state, restore_optimizer, save_state

torch.set_num_threads(1)

# What networks are made of: matrices (one large enough for 8 bit), kernels, a row, a vector.
SHAPES = [(8, 640), (4, 8), (4, 8, 3, 3), (8, 4, 1, 1), (1, 8), (8,)]
RATES = {"unet": 1e-2, "text_encoder_1": 3e-3, "text_encoder_2": 0.0}
ARGS: dict[str, list[dict[str, Any]]] = {
    "adamw": [{}, {"weight_decay": 0.1, "betas": [0.9, 0.99]}],
    "came": [{"weight_decay": 0.08}],
    "prodigy": [
        {},
        {"weight_decay": 0.01, "d_coef": 2, "use_bias_correction": True, "safeguard_warmup": True},
        {"weight_decay": 0.01, "decouple": False, "growth_rate": 1.02},
    ],
    "adafactor": [{}, {"warmup_init": True, "scale_parameter": True}, {"beta1": 0.9}],
    "lion": [{"weight_decay": 0.1}],
    "adamw_schedulefree": [{"weight_decay": 0.01}, {"warmup_steps": 3, "r": 1.0}],
    "dadapt_adam": [{}, {"decouple": True, "weight_decay": 0.01, "use_bias_correction": True}],
}
CASES = [(name, args) for name in OPTIMIZERS.names for args in ARGS.get(name, [{}])]


def weights(seed: int) -> dict[str, list[torch.nn.Parameter]]:
    """Two parameters of every shape, and for each text encoder one matrix."""
    draw = generator(seed, "weights")
    shapes = {"unet": SHAPES, "text_encoder_1": [(4, 8)], "text_encoder_2": [(8, 4)]}
    return {
        part: [
            torch.nn.Parameter(torch.randn(shape, generator=draw) * 0.1) for shape in shapes[part]
        ]
        for part in RATES
    }


def optimizer_for(
    name: str, args: dict[str, Any], parts: dict[str, list[torch.nn.Parameter]]
) -> torch.optim.Optimizer:
    groups = [
        {"params": parameters, "lr": RATES[part], "peak": RATES[part], "name": part}
        for part, parameters in parts.items()
    ]
    return build_optimizer(name, groups, args)


def take_steps(optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    """Steps with gradients of their own number, at rates that the caller sets each time."""
    for step in range(first, last):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * min(1.0, step / 3)
            for place, weight in enumerate(group["params"]):
                draw = generator(1, "gradient", step, group["name"], place)
                pull = 0.1 * (weight.detach() - 0.5)
                weight.grad = pull + 0.02 * torch.randn(weight.shape, generator=draw)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def flat(parts: dict[str, list[torch.nn.Parameter]]) -> dict[str, torch.Tensor]:
    return {
        f"{part}{n}": p.detach().clone() for part, ps in parts.items() for n, p in enumerate(ps)
    }


@pytest.mark.parametrize(("name", "args"), CASES)
def test_seven_steps_are_four_saved_and_three(
    name: str, args: dict[str, Any], tmp_path: Path
) -> None:
    whole = weights(5)
    take_steps(optimizer_for(name, args, whole), 0, 7)

    cut = weights(5)
    optimizer = optimizer_for(name, args, cut)
    take_steps(optimizer, 0, 4)
    save_state(tmp_path, flat(cut), optimizer, Progress(4, (0.5, 0.25), 1.5))
    state = load_state(tmp_path)
    assert state is not None
    assert state.progress == Progress(4, (0.5, 0.25), 1.5)
    fresh = weights(99)
    with torch.no_grad():
        for part, parameters in fresh.items():
            for place, weight in enumerate(parameters):
                weight.copy_(state.network[f"{part}{place}"])
    going_on = optimizer_for(name, args, fresh)
    restore_optimizer(going_on, state.optimizer)
    take_steps(going_on, 4, 7)

    wanted, found = flat(whole), flat(fresh)
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert not all(torch.equal(wanted[key], value) for key, value in flat(cut).items())


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_what_is_saved_again_is_the_same_file(name: str, tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for(name, {}, parts)
    take_steps(optimizer, 0, 5)
    save_state(tmp_path / "a", flat(parts), optimizer, Progress(5))
    state = load_state(tmp_path / "a")
    assert state is not None
    fresh = optimizer_for(name, {}, weights(5))
    restore_optimizer(fresh, state.optimizer)
    save_state(tmp_path / "b", state.network, fresh, Progress(5))
    for file in ("network.safetensors", "optimizer.safetensors", "state.json"):
        assert (tmp_path / "a/000005" / file).read_bytes() == (
            tmp_path / "b/000005" / file
        ).read_bytes()


def test_the_smoothed_copy_is_kept_if_there_is_one(tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for("adamw", {}, parts)
    smooth = {"a": torch.randn(3, 4), "b": torch.tensor(0.1)}
    save_state(tmp_path, flat(parts), optimizer, Progress(1), ema=smooth)
    state = load_state(tmp_path)
    assert state is not None
    assert state.ema is not None
    assert all(torch.equal(state.ema[name], smooth[name]) for name in smooth)
    save_state(tmp_path, flat(parts), optimizer, Progress(2))
    state = load_state(tmp_path)
    assert state is not None
    assert state.ema is None


@pytest.mark.parametrize(
    "file", ["network.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json"]
)
@pytest.mark.parametrize("harm", ["gone", "cut", "changed"])
def test_a_damaged_state_gives_way_to_the_one_before(file: str, harm: str, tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for("prodigy", {}, parts)
    for step in (3, 4):
        take_steps(optimizer, step - 1, step)
        save_state(tmp_path, flat(parts), optimizer, Progress(step), ema=flat(parts))
    path = tmp_path / "000004" / file
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    state = load_state(tmp_path)
    assert state is not None
    assert state.progress.step == 3 or (file, harm) == ("state.json", "changed")


@pytest.mark.parametrize("about", [[], {}, {"sha256": 3}, {"sha256": {}, "step": "x"}, None])
def test_a_state_of_nonsense_does_not_count(about: Any, tmp_path: Path) -> None:
    (tmp_path / "000007").mkdir()
    (tmp_path / "000007/state.json").write_text(json.dumps(about), encoding="utf-8")
    assert load_state(tmp_path) is None
    assert load_state(tmp_path / "nowhere") is None


def test_only_the_last_two_are_kept_and_none_is_a_pickle(tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for("came", {}, parts)
    for step in range(1, 5):
        take_steps(optimizer, step - 1, step)
        save_state(tmp_path, flat(parts), optimizer, Progress(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000003", "000004"]
    kinds = {path.suffix for path in tmp_path.glob("*/*")}
    assert kinds == {".safetensors", ".json"}


def test_a_state_of_another_bake_is_refused(tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for("adamw", {}, parts)
    take_steps(optimizer, 0, 2)
    save_state(tmp_path, flat(parts), optimizer, Progress(2))
    state = load_state(tmp_path)
    assert state is not None
    with pytest.raises(TrainingError, match="another network or optimizer"):
        restore_optimizer(optimizer_for("lion", {}, weights(5)), state.optimizer)
    fewer = {part: parameters for part, parameters in weights(5).items() if part == "unet"}
    with pytest.raises(TrainingError, match="another network or optimizer"):
        restore_optimizer(optimizer_for("adamw", {}, fewer), state.optimizer)


def test_the_average_is_not_saved_as_a_state(tmp_path: Path) -> None:
    parts = weights(5)
    optimizer = optimizer_for("adamw_schedulefree", {}, parts)
    take_steps(optimizer, 0, 5)
    OPTIMIZERS["adamw_schedulefree"].training(optimizer, False)
    with pytest.raises(AssertionError):
        save_state(tmp_path, flat(parts), optimizer, Progress(5))
