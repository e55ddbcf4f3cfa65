"""Where a bake can go on: network, optimizer and step, with EMA if there is one, and nothing else.

All randomness is derived from the step, so there is no generator to save. The state is a folder
`state/000420/` with `network.safetensors`, `optimizer.safetensors`, perhaps `ema.safetensors` and,
last, `state.json`, which carries the hashes of the others: without it, or if they differ, the state
does not count. Nothing in it is a pickle: tensors are safetensors, all else is JSON.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lorabake.core.errors import LorabakeError, TrainingError
from lorabake.core.files import atomic_write_bytes, atomic_write_json, read_json

KEEP = 2  # states; the older one is there in case the newer turns out damaged
LARGEST_JSON = 64 * 1024**2  # bytes; thousands of parameters with a number or two each


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
    ema: dict[str, Tensor] | None = None,
) -> None:
    """Write a new state, check that it is whole, then forget the oldest.

    The weights to train must be in place, not those that a schedule-free optimizer would save.
    """
    assert all(group.get("train_mode", True) for group in optimizer.param_groups)
    target = folder / f"{progress.step:06d}"
    shutil.rmtree(target, ignore_errors=True)  # left half-written by a kill at this very step
    target.mkdir(parents=True)
    tensors, rest = _flatten(optimizer)
    parts = {"network": network, "optimizer": tensors} | ({} if ema is None else {"ema": ema})
    hashes = {}
    for name, content in parts.items():
        data = safetensors.torch.save(content)
        atomic_write_bytes(target / f"{name}.safetensors", data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    atomic_write_json(
        target / "state.json",
        {
            "step": progress.step,
            "losses": list(progress.losses),
            "seconds": progress.seconds,
            "optimizer": rest,
            "scaler": scaler,
            "sha256": hashes,
        },
        limit=LARGEST_JSON,
    )
    for old in _states(folder)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class State:
    """A state read back whole. ema: None when the bake had none."""

    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    progress: Progress
    scaler: dict[str, Any] | None
    ema: dict[str, Tensor] | None = None


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
        about: Any = read_json(folder / "state.json", limit=LARGEST_JSON)
        parts = {}
        for name in ("network", "optimizer", *(("ema",) if "ema" in about["sha256"] else ())):
            data = (folder / f"{name}.safetensors").read_bytes()
            if hashlib.sha256(data).hexdigest() != about["sha256"][name]:
                return None
            parts[name] = safetensors.torch.load(data)
        progress = Progress(about["step"], tuple(about["losses"]), about["seconds"])
        optimizer = _unflatten(parts["optimizer"], about["optimizer"])
        return State(parts["network"], optimizer, progress, about.get("scaler"), parts.get("ema"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, LorabakeError):
        return None


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load what `load_state` found into an optimizer for the same parameters, to the last bit.

    Raises TrainingError when it was saved by another optimizer or for other parameters.
    """
    current = optimizer.state_dict()["param_groups"]
    same_kind = saved.get("type") in (None, type(optimizer).__name__)
    if not same_kind or list(map(_whose, current)) != list(map(_whose, saved["param_groups"])):
        raise TrainingError(
            "The saved state belongs to another network or optimizer. Start this bake anew."
        )
    groups = []
    for now, then, live in zip(current, saved["param_groups"], optimizer.param_groups, strict=True):
        device = next((weight.device for weight in live["params"]), torch.device("cpu"))
        kept = {key: _as_it_was(value, now.get(key), device) for key, value in then.items()}
        groups.append({**now, **kept})
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def _whose(group: dict[str, Any]) -> tuple[Any, list[int]]:
    """A group's name and the numbers of its parameters."""
    return group.get("name"), list(group["params"])


def _as_it_was(value: Any, now: Any, device: torch.device) -> Any:
    """A group's value in the kind and place the optimizer keeps it in."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(now, tuple) and isinstance(value, list):
        return tuple(value)  # states of earlier versions did not tell the two apart
    return value


def _flatten(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors by "index/name" or "group/index/name", and the rest as JSON."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    numbers = {
        str(index): _split(entries, f"{index}/", tensors)
        for index, entries in state["state"].items()
    }
    groups = [
        _split(group, f"group/{place}/", tensors)
        for place, group in enumerate(state["param_groups"])
    ]
    about = {"type": type(optimizer).__name__, "state": numbers, "param_groups": groups}
    return tensors, about


def _split(entries: dict[str, Any], prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The entries that are no tensors, as JSON; tensors go into `tensors` under their prefix."""
    rest = {}
    for name, value in entries.items():
        if isinstance(value, Tensor):
            # cloned, because a library may share one table among all parameters
            tensors[prefix + name] = value.detach().cpu().contiguous().clone()
        elif isinstance(value, dict):  # bitsandbytes wraps its 8-bit tensors once more
            rest[name] = {"dict": _split(value, f"{prefix}{name}/", tensors)}
        else:
            rest[name] = _to_json(value)
    return rest


def _unflatten(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {
        int(index): {name: _from_json(value) for name, value in entries.items()}
        for index, entries in rest["state"].items()
    }
    groups = [
        {name: _from_json(value) for name, value in group.items()} for group in rest["param_groups"]
    ]
    for key, value in tensors.items():
        place, *names, last = key.split("/")
        entries: Any = (
            groups[int(names.pop(0))] if place == "group" else state.setdefault(int(place), {})
        )
        for name in names:
            entries = entries[name]
        entries[last] = value
    return {"type": rest.get("type"), "state": state, "param_groups": groups}


def _to_json(value: Any) -> Any:
    """Numbers, texts, lists and None as they are; tuples and infinities so that they come back."""
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item) for item in value]}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot save {type(value).__name__} of an optimizer")


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        if kind == "float":
            return float(content)
        if kind == "dict":
            return {name: _from_json(item) for name, item in content.items()}
        return tuple(_from_json(item) for item in content)
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value
