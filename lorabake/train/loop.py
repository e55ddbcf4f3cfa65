"""The bake, from a run folder to one LoRA file per epoch. Read `train` from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from lorabake.core.errors import Stopped, TrainingError
from lorabake.core.events import EventType
from lorabake.core.run import Run
from lorabake.engine.device import choose_dtype, find_device, set_threads
from lorabake.engine.families.model import Model
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.networks.lora import attach
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import epoch_batches, steps_of, train_images
from lorabake.train.checkpoints import CheckpointWriter
from lorabake.train.latents import LatentCache
from lorabake.train.oven import Oven
from lorabake.train.prepare import Setup, load_setup
from lorabake.train.state import Progress, load_state, restore_optimizer, save_state


class Events(Protocol):
    """Where a bake tells what it does."""

    def write(self, type: EventType, **data: Any) -> object: ...


@dataclass(frozen=True)
class Checkpoint:
    """One LoRA file. loss: mean over the last epoch."""

    path: Path
    epoch: int
    step: int
    loss: float


@dataclass(frozen=True)
class TrainResult:
    """What came out. steps: optimizer steps of the whole bake; seconds: spent on them."""

    checkpoints: list[Checkpoint]
    steps: int
    seconds: float


def never() -> bool:
    return False


def train(
    run: Run, events: Events, *, resume: bool = False, should_stop: Callable[[], bool] = never
) -> TrainResult:
    """Bake a prepared run.

    resume: go on from the newest state. Raises Stopped after saving a state when `should_stop`
    says so, and TrainingError, DeviceError or ModelFileError when it cannot go on.
    """
    setup = load_setup(run)
    recipe, plan = setup.recipe, setup.plan
    general = recipe.general
    events.write("plan", steps=plan.total_steps, name=setup.name, **plan.to_mapping())

    events.write("phase", name="load", detail=f"Loading {setup.base.name}")
    model = _load(setup)
    images = train_images(setup.dataset, recipe)
    latents = _encode(model, setup, events, should_stop)
    network = attach(model, _parts_that_train(recipe), general.seed)
    if general.gradient_checkpointing != "off":
        model.enable_gradient_checkpointing()
    writer = CheckpointWriter(setup)
    oven = Oven(model, network, recipe, latents, plan.total_steps)

    progress = Progress()
    state = load_state(run.state_dir) if resume else None
    if state:
        network.load_train_state(state.network)
        restore_optimizer(oven.optimizer, state.optimizer)
        if state.scaler:
            oven.scaler.load_state_dict(state.scaler)
        progress = state.progress
        events.write("note", text=f"Going on after step {progress.step} of {plan.total_steps}.")

    def keep(progress: Progress) -> None:
        scaler = oven.scaler.state_dict() if oven.scaler.is_enabled() else None
        save_state(run.state_dir, network.train_state(), oven.optimizer, progress, scaler)

    events.write("phase", name="train", detail="Baking", step=progress.step)
    checkpoints: list[Checkpoint] = []
    losses = list(progress.losses)
    step, seconds, mark = progress.step, progress.seconds, time.perf_counter()
    while step < plan.total_steps:
        epoch = step // plan.steps_per_epoch + 1
        batches = epoch_batches(
            images,
            epoch=epoch,
            batch_size=general.batch_size,
            seed=general.seed,
            accumulation=general.gradient_accumulation_steps,
        )
        groups = steps_of(batches, general.gradient_accumulation_steps)
        for group in groups[step % plan.steps_per_epoch :][: plan.total_steps - step]:
            if should_stop():
                keep(Progress(step, tuple(losses), seconds))
                raise Stopped(
                    f"Stopped after step {step} of {plan.total_steps}. It can be resumed from there."
                )
            pieces = oven.pieces
            try:
                result = oven.step(step, group)
            except TrainingError:
                keep(Progress(step, tuple(losses), seconds))
                raise
            step += 1
            losses = [*losses, sum(result.losses) / len(result.losses)][-plan.steps_per_epoch :]
            now = time.perf_counter()
            took, mark = now - mark, now
            seconds += took
            events.write(
                "step",
                step=step,
                epoch=epoch,
                loss=losses[-1],
                loss_average=sum(losses) / len(losses),
                lr=result.rates,
                grad_norm=result.grad_norm,
                seconds=round(took, 4),
            )
            if oven.pieces > pieces:
                events.write("note", text=_split_note(oven.pieces))
        average = sum(losses) / len(losses)
        if epoch % recipe.saving.save_every_n_epochs == 0 or epoch == plan.epochs:
            saved = Checkpoint(
                run.folder / f"{setup.name}-{epoch:02d}.safetensors", epoch, step, average
            )
            for warning in writer.write(saved.path, network, epoch=epoch, step=step, loss=average):
                events.write("warning", text=warning)
            checkpoints.append(saved)
            mib = round(saved.path.stat().st_size / 2**20, 2)
            events.write(
                "checkpoint", path=saved.path.name, epoch=epoch, step=step, loss=average, mib=mib
            )
        keep(Progress(step, tuple(losses), seconds))
        mark = time.perf_counter()
    return TrainResult(checkpoints, step, seconds)


def _load(setup: Setup) -> Model:
    """The base model, frozen, on the best device of this machine."""
    device = find_device()
    dtype = choose_dtype(setup.recipe.general.mixed_precision, device.kind)
    vae_dtype = torch.float32 if setup.recipe.model.no_half_vae else dtype
    model = load_model(
        setup.base, vae=setup.vae, device=device.kind, dtype=dtype, vae_dtype=vae_dtype
    )
    set_threads(sum(p.numel() for p in model.unet.parameters()), device.kind)
    return model


def _encode(
    model: Model, setup: Setup, events: Events, should_stop: Callable[[], bool]
) -> LatentCache:
    """The latents of all pictures; afterwards the VAE's memory is free."""
    folder = setup.cache / "latents" if setup.recipe.general.cache_latents_to_disk else None
    cache = LatentCache(folder, model, setup.recipe)

    def report(done: int, total: int) -> None:
        detail = f"Encoding picture {done} of {total}"
        events.write("phase", name="latents", detail=detail, done=done, total=total)

    images = train_images(setup.dataset, setup.recipe)
    cache.fill(images, report, should_stop)
    if all(cache.keeps(image) for image in images):
        model.free("vae")
    return cache


def _parts_that_train(recipe: Recipe) -> NetworkSettings:
    """The network's settings; a part whose learning rate is 0 gets no layers at all."""
    return replace(
        recipe.network, train_unet=recipe.unet_trains, train_text_encoder=recipe.text_encoder_trains
    )


def _split_note(pieces: int) -> str:
    return (
        f"The graphics card's memory was too small for the whole batch, so it is computed in {pieces} "
        "parts. The result is the same; each step takes a little longer."
    )
