"""The bake, from a run folder to one LoRA file per epoch. Read `train` from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from lorabake.core.errors import Stopped, TrainingError
from lorabake.core.run import Run
from lorabake.engine.device import DeviceInfo, choose_dtype, find_device, set_threads
from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.networks import attach
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.recipe.memory import estimate
from lorabake.recipe.recipe import Recipe
from lorabake.train.after_epoch import AfterEpoch, Checkpoint, Events
from lorabake.train.batches import epoch_batches, steps_of, train_images, validation_images
from lorabake.train.checkpointing import Checkpointing, share_for
from lorabake.train.latents import LatentCache
from lorabake.train.masks import Masks, missing_note
from lorabake.train.oven import Oven
from lorabake.train.prepare import Setup, load_setup
from lorabake.train.state import Progress, load_state, restore_optimizer, save_state

__all__ = ["Checkpoint", "Events", "TrainResult", "train"]


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
    device = find_device()
    model = _load(setup, device)
    images = train_images(setup.dataset, recipe)
    held_out = validation_images(setup.dataset, recipe)
    _note_missing_masks(model, setup, events)
    latents = _encode(model, setup, events, should_stop)
    network = attach(model, _parts_that_train(recipe), general.seed, weights=setup.weights)
    share = share_for(recipe, estimate(recipe, setup.base, device.kind), device)
    checkpointing = Checkpointing(model, share)
    oven = Oven(model, network, recipe, latents, plan.total_steps, checkpointing)
    after_epoch = AfterEpoch(run, setup, oven, held_out, events)

    progress = Progress()
    state = load_state(run.state_dir) if resume else None
    if state:
        network.load_train_state(state.network)
        restore_optimizer(oven.optimizer, state.optimizer)
        if state.scaler:
            oven.scaler.load_state_dict(state.scaler)
        if oven.ema and state.ema:
            oven.ema.load(state.ema)
        progress = state.progress
        events.write("note", text=f"Going on after step {progress.step} of {plan.total_steps}.")

    def keep(progress: Progress) -> None:
        scaler = oven.scaler.state_dict() if oven.scaler.is_enabled() else None
        ema = oven.ema.state() if oven.ema else None
        save_state(run.state_dir, network.train_state(), oven.optimizer, progress, scaler, ema)

    events.write(
        "phase",
        name="train",
        detail="Baking",
        step=progress.step,
        checkpointed=round(checkpointing.share, 2),
    )
    checkpoints: list[Checkpoint] = []
    losses = list(progress.losses)
    step, seconds, mark = progress.step, progress.seconds, time.perf_counter()
    processor = time.process_time()
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
            shape = oven.shape
            try:
                result = oven.step(step, group)
            except TrainingError:
                keep(Progress(step, tuple(losses), seconds))
                raise
            step += 1
            losses = [*losses, sum(result.losses) / len(result.losses)][-plan.steps_per_epoch :]
            now = time.perf_counter()
            took, mark = now - mark, now
            spent, processor = time.process_time() - processor, time.process_time()
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
                cpu_seconds=round(spent, 4),
                **({"effective": result.effective} if result.effective else {}),
                **({"scaled": result.scaled} if result.scaled else {}),
            )
            if oven.shape != shape:
                events.write("note", text=oven.shape_note())
        checkpoints += after_epoch(epoch, step, sum(losses) / len(losses))
        keep(Progress(step, tuple(losses), seconds))
        mark, processor = time.perf_counter(), time.process_time()
    return TrainResult([c for c in checkpoints if c.path.exists()], step, seconds)


def _load(setup: Setup, device: DeviceInfo) -> Model:
    """The base model, frozen, on the best device of this machine."""
    wish = setup.recipe.model
    dtype = choose_dtype(setup.recipe.general.mixed_precision, device.kind)
    model = load_model(
        setup.base,
        family=wish.family,
        prediction=wish.prediction,
        zero_terminal_snr=wish.zero_terminal_snr,
        vae=setup.vae,
        device=device.kind,
        dtype=dtype,
        vae_dtype=torch.float32 if wish.no_half_vae else dtype,
    )
    set_threads(sum(p.numel() for p in model.unet.parameters()), device.kind)
    return model


def _encode(
    model: Model, setup: Setup, events: Events, should_stop: Callable[[], bool]
) -> LatentCache:
    """The latents of all pictures; afterwards the VAE's memory is free."""
    folder = setup.cache / "latents" if setup.recipe.general.cache_latents_to_disk else None
    cache = LatentCache(folder, model, setup.recipe)
    begun = time.perf_counter()

    def report(done: int, total: int) -> None:
        speed = done / (time.perf_counter() - begun)
        detail = f"Encoding picture {done} of {total}, {speed:.2g} a second"
        events.write("phase", name="latents", detail=detail, done=done, total=total)

    images = train_images(setup.dataset, setup.recipe)
    held_out = validation_images(setup.dataset, setup.recipe)
    cache.fill([*images, *held_out], report, should_stop)
    if all(cache.keeps(image) for image in [*images, *held_out]):
        model.free("vae")
    return cache


def _note_missing_masks(model: Model, setup: Setup, events: Events) -> None:
    masks = Masks(setup.recipe.optimizer.masked_loss, model.vae_factor)
    if missing := masks.missing(train_images(setup.dataset, setup.recipe)):
        events.write("warning", text=missing_note(missing))


def _parts_that_train(recipe: Recipe) -> NetworkSettings:
    """The network's settings; a part whose learning rate is 0 gets no layers at all."""
    return replace(
        recipe.network, train_unet=recipe.unet_trains, train_text_encoder=recipe.text_encoder_trains
    )
