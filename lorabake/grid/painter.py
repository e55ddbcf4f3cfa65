"""One loaded model that renders rows of a grid: an epoch at several weights, in one batch."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lorabake.core.errors import DeviceError
from lorabake.engine.device import SMALL_NETWORK, choose_dtype, find_device, set_threads
from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.engine.sample import OnStep, sample
from lorabake.grid.job import Base, GridPlan

MOST_PAINTERS = 8

# A tokenizer is changed by being used, and painters share theirs.
_encoding = threading.Lock()


class Painter:
    """A model and the LoRA that is on it now.

    together: pictures in one batch; fewer after memory ran out. note: says so.
    """

    def __init__(self, model: Model, plan: GridPlan, note: Callable[[str], None]) -> None:
        self.model = model
        self.plan = plan
        self.note = note
        self.switch = LoraSwitch(model)
        self.together = len(plan.weights)

    def paint(self, file: Path | None, weights: Sequence[float], on_step: OnStep) -> list[Tensor]:
        """The pictures of a LoRA file at these weights, (3, H, W) each; of the base without one."""
        if file is None:
            self.switch.detach()
        else:
            self.switch.load(file)
        pictures: list[Tensor] = []
        while len(pictures) < len(weights):
            batch = weights[len(pictures) : len(pictures) + self.together]
            try:
                pictures += self._batch(batch, on_step)
            except torch.OutOfMemoryError:
                self._fewer_together()
        return pictures

    def close(self) -> None:
        self.switch.detach()

    def _batch(self, weights: Sequence[float], on_step: OnStep) -> Tensor:
        plan = self.plan
        with torch.inference_mode():
            with _encoding:
                positive, negative = self._encode(weights)
            self.switch.set_weights(weights)
            return sample(
                self.model,
                positive,
                negative,
                seeds=[plan.seed] * len(weights),
                width=plan.width,
                height=plan.height,
                steps=plan.steps,
                cfg=plan.cfg,
                sampler=plan.sampler,
                on_step=on_step,
            )

    def _encode(self, weights: Sequence[float]) -> tuple[Conditioning, Conditioning]:
        """The prompt and the negative one: one row for each weight, or one when all are equal."""
        texts = [self.plan.prompt, self.plan.negative]
        encoded = []
        for weight in weights if self.switch.changes_text else weights[:1]:
            self.switch.set_prompt_weight(weight)
            # (2, T, D): equal T for both
            encoded.append(self.model.encode_prompts(texts, clip_skip=self.plan.clip_skip))
        contexts = torch.stack([one.context for one in encoded])  # (B, 2, T, D)
        pooled = torch.stack([one.pooled for one in encoded])  # (B, 2, P)
        return (
            Conditioning(contexts[:, 0], pooled[:, 0]),
            Conditioning(contexts[:, 1], pooled[:, 1]),
        )

    def _fewer_together(self) -> None:
        if self.together == 1:
            raise DeviceError(
                "The graphics card ran out of memory with a single picture. "
                "Choose a smaller size under Is it ready?."
            )
        self.together = max(self.together // 2, 1)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        self.note(f"The card's memory is too small for the whole row: {self.together} at a time.")


def load_base(base: Base, recipe: Any) -> Model:
    """The run's base model on the best device of this machine."""
    device = find_device()
    dtype = torch.float32
    if device.kind != "cpu":  # a CPU computes fastest in full precision
        dtype = choose_dtype(recipe.general.mixed_precision, device.kind)
    vae_dtype = torch.float32 if recipe.model.no_half_vae else dtype
    return load_model(
        base.path,
        family=recipe.model.family,
        prediction=recipe.model.prediction,
        zero_terminal_snr=recipe.model.zero_terminal_snr,
        vae=base.vae,
        device=device.kind,
        dtype=dtype,
        vae_dtype=vae_dtype,
    )


def painters_for(
    model: Model, plan: GridPlan, rows: int, note: Callable[[str], None]
) -> list[Painter]:
    """One painter; for a small model on a processor one for each core, up to the number of rows.

    A small model gains little from sharing one row among cores, and everything from a row on each.
    """
    count = 1
    if model.device.type == "cpu" and _size(model) < SMALL_NETWORK:
        count = max(min(rows, _cores(), MOST_PAINTERS), 1)
    models = [model]
    models += [replace(model, parts=copy.deepcopy(model.parts)) for _ in range(count - 1)]
    return [Painter(one, plan, note) for one in models]


def prepare_thread(model: Model) -> None:
    """What torch keeps for each thread on its own."""
    set_threads(_size(model), model.device.type)


def _size(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.unet.parameters())


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
