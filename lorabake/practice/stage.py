"""What the stages of the build share: schedule, averaging, and checkpoints to go on from."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

SAVE_EVERY = 250


def prepare(seed: int) -> None:
    """One thread and no denormals: tiny networks gain nothing from the one and crawl in the other."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)


def cosine(step: int, steps: int, *, warmup: int = 100, last: float = 0.02) -> float:
    """Multiplier of the learning rate: a linear start, then half a cosine down to `last`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Average:
    """Exponential moving average of a module's parameters, by name."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: param.detach().clone() for name, param in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        values, params = [], []
        for name, param in module.named_parameters():
            values.append(self.values[name])
            params.append(param.detach())
        torch._foreach_lerp_(values, params, 1 - decay)

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        """A state dict of the module with the averages in place of its parameters."""
        return {**module.state_dict(), **self.values}


class Progress:
    """The state of one stage in a file: its step and whatever can give and take a state dict."""

    def __init__(self, folder: Path, stage: str, steps: int) -> None:
        self.file = folder / f"{stage}.resume"
        self.log = folder / "log.jsonl"
        self.folder, self.stage, self.steps = folder, stage, steps
        self.started = time.time()
        self.first = 0
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> dict[str, Any] | None:
        if not self.file.exists():
            return None
        state: dict[str, Any] = torch.load(self.file, weights_only=True)
        self.first = int(state["step"])
        logger.info("%s goes on from step %d", self.stage, self.first)
        return state

    def due(self, step: int) -> bool:
        return step % SAVE_EVERY == 0 or step == self.steps

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        part = self.file.with_suffix(".part")
        torch.save({"step": step, **state}, part)
        part.replace(self.file)

    def note(self, step: int, **figures: float) -> None:
        """One line in the log: where the stage is, how fast, and what it reached."""
        seconds = time.time() - self.started
        rate = (step - self.first) / max(seconds, 1e-9)
        line: dict[str, Any] = {"stage": self.stage, "step": step, "of": self.steps}
        line |= {"step/s": round(rate, 2), "time": time.strftime("%H:%M:%S")}
        line |= {name: round(value, 5) for name, value in figures.items()}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        logger.info("%s", line)
