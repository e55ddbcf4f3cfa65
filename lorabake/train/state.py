"""Where a bake can go on: network, optimizer and step, and nothing else.

All randomness is derived from the step, so there is no generator to save. The state is a folder
`state/000420/` with `network.safetensors`, `optimizer.safetensors` and, last, `state.json`, which
carries the hashes of the other two: without it, or if they differ, the state does not count.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lorabake.core.errors import TrainingError
from lorabake.core.files import atomic_write_bytes, atomic_write_json, read_json

KEEP = 2  # states; the older one is there in case the newer turns out damaged


@dataclass(frozen=True)
class Progress:
    """How far a bake is. step: optimizer steps done. losses: of the last epoch's batches.

    seconds: training time so far, over all sittings.
    """

    step: int = 0
    losses: tuple[float, ...] = field(default=())
    seconds: float = 0.0


def save_state(
    folder: Path,
    network: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    scaler: dict[str, Any] | None = None,
) -> None:
    """Write a new state, check that it is whole, then forget the oldest."""
    target = folder / f"{progress.step:06d}"
    shutil.rmtree(target, ignore_errors=True)  # left half-written by a kill at this very step
    target.mkdir(parents=True)
    tensors, numbers = _flatten(optimizer.state_dict())
    hashes = {}
    for name, content in (("network", network), ("optimizer", tensors)):
        data = safetensors.torch.save(content)
        atomic_write_bytes(target / f"{name}.safetensors", data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    atomic_write_json(
        target / "state.json",
        {
            "step": progress.step,
            "losses": list(progress.losses),
            "seconds": progress.seconds,
            "optimizer": numbers,
            "scaler": scaler,
            "sha256": hashes,
        },
    )
    for old in _states(folder)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class State:
    """A state read back whole."""

    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    progress: Progress
    scaler: dict[str, Any] | None


def load_state(folder: Path) -> State | None:
    """The newest state that is whole; None when there is none."""
    for candidate in reversed(_states(folder)):
        state = _read(candidate)
        if state is not None:
            return state
    return None


def _states(folder: Path) -> list[Path]:
    return (
        sorted(path for path in folder.glob("[0-9]" * 6) if path.is_dir())
        if folder.is_dir()
        else []
    )


def _read(folder: Path) -> State | None:
    try:
        about: Any = read_json(folder / "state.json", limit=64 * 1024**2)
        parts = {}
        for name in ("network", "optimizer"):
            data = (folder / f"{name}.safetensors").read_bytes()
            if hashlib.sha256(data).hexdigest() != about["sha256"][name]:
                return None
            parts[name] = safetensors.torch.load(data)
    except (OSError, ValueError, KeyError, TypeError, TrainingError):
        return None
    progress = Progress(about["step"], tuple(about["losses"]), about["seconds"])
    optimizer = _unflatten(parts["optimizer"], about["optimizer"])
    return State(parts["network"], optimizer, progress, about["scaler"])


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load an optimizer's state; lists of JSON become tuples again where they were tuples."""
    current = optimizer.state_dict()["param_groups"]
    groups = [
        {
            key: tuple(value) if isinstance(now.get(key), tuple) else value
            for key, value in then.items()
        }
        for now, then in zip(current, saved["param_groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def _flatten(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors by "index/name" and the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                # cloned, because a library may share one table among all parameters
                tensors[f"{index}/{name}"] = value.detach().cpu().contiguous().clone()
            else:
                numbers.setdefault(str(index), {})[name] = value
    groups = json.loads(json.dumps(state["param_groups"], default=float))
    return tensors, {"state": numbers, "param_groups": groups}


def _unflatten(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for index, entries in numbers["state"].items():
        state.setdefault(int(index), {}).update(entries)
    for key, value in tensors.items():
        index, name = key.split("/", 1)
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": numbers["param_groups"]}
