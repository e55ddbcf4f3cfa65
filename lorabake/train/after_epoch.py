"""What happens between two epochs: files are saved, held-out pictures measured, samples drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch

from lorabake.core.errors import LorabakeError
from lorabake.core.events import EventType
from lorabake.core.files import atomic_write_json
from lorabake.core.run import Run
from lorabake.engine.families import load_model
from lorabake.recipe.sample_prompts import parse_prompts
from lorabake.train.batches import TrainImage
from lorabake.train.checkpoints import CheckpointWriter
from lorabake.train.prepare import Setup
from lorabake.train.samples import draw
from lorabake.train.validation import Measured, held_out_batches, measure

if TYPE_CHECKING:
    from lorabake.train.oven import Oven

PREVIEWS = "previews"


class Events(Protocol):
    """Where a bake tells what it does."""

    def write(self, type: EventType, **data: object) -> object: ...


@dataclass(frozen=True)
class Checkpoint:
    """One LoRA file. loss: mean over the last epoch."""

    path: Path
    epoch: int
    step: int
    loss: float


class AfterEpoch:
    """Everything that is due after an epoch, with the network at rest meanwhile."""

    def __init__(
        self,
        run: Run,
        setup: Setup,
        oven: Oven,
        held_out: Sequence[TrainImage],
        events: Events,
    ) -> None:
        self.run = run
        self.setup = setup
        self.recipe = setup.recipe
        self.oven = oven
        self.events = events
        self.writer = CheckpointWriter(setup, oven.model)
        self.held_out = held_out_batches(held_out, self.recipe.general.batch_size)
        self.prompts = parse_prompts(self.recipe) if self._samples_every else []
        self.base: Measured | None = None

    @property
    def _samples_every(self) -> int:
        return self.recipe.sample.sample_every_n_epochs

    def __call__(self, epoch: int, step: int, loss: float) -> list[Checkpoint]:
        """The files of this epoch; [] where none is due. loss: mean of the epoch."""
        last = epoch == self.setup.plan.epochs
        saved: list[Checkpoint] = []
        with self.oven.at_rest():
            if last or epoch % self.recipe.saving.save_every_n_epochs == 0:
                saved = self._save(Checkpoint(self._path(epoch), epoch, step, loss))
            due = epoch % self.recipe.validation.validate_every_n_epochs == 0
            if self.held_out and (last or due):
                self._measure(epoch, step)
            if self.prompts and (last or epoch % self._samples_every == 0):
                self._draw(epoch, step)
        return saved

    def _path(self, epoch: int) -> Path:
        return self.run.folder / f"{self.setup.name}-{epoch:02d}.safetensors"

    def _save(self, plain: Checkpoint) -> list[Checkpoint]:
        self._write(plain)
        if self.oven.ema:
            smooth = plain.path.with_stem(f"{plain.path.stem}-ema")
            with self.oven.ema.shown():
                self._write(Checkpoint(smooth, plain.epoch, plain.step, plain.loss), ema=True)
        self._keep_last()
        return [plain]

    def _write(self, file: Checkpoint, *, ema: bool = False) -> None:
        for warning in self.writer.write(
            file.path, self.oven.network, epoch=file.epoch, step=file.step, loss=file.loss
        ):
            self.events.write("warning", text=warning)
        mib = round(file.path.stat().st_size / 2**20, 2)
        if ema:
            self.events.write("note", text=f"Also saved its smoothed copy, {file.path.name}.")
            return
        self.events.write(
            "checkpoint",
            path=file.path.name,
            epoch=file.epoch,
            step=file.step,
            loss=file.loss,
            mib=mib,
        )

    def _keep_last(self) -> None:
        """Removes this run's older files where the recipe wants only the last ones."""
        keep = self.recipe.saving.save_last_n_epochs
        for old in self.run.checkpoints()[:-keep] if keep else []:
            for path in (old.path, old.path.with_stem(f"{old.path.stem}-ema")):
                path.unlink(missing_ok=True)

    def _measure(self, epoch: int, step: int) -> None:
        if self.base is None:
            with self.oven.without_network():
                self.base = measure(self.oven, self.held_out)
        found = measure(self.oven, self.held_out)
        self.events.write(
            "validation",
            epoch=epoch,
            step=step,
            loss=found.loss,
            base=self.base.loss,
            by_timestep=list(found.by_timestep),
        )

    def _draw(self, epoch: int, step: int) -> None:
        """Samples; a picture that cannot be drawn is no reason to end a bake."""
        folder = self.run.folder / PREVIEWS
        folder.mkdir(exist_ok=True)
        atomic_write_json(folder / "prompts.json", [prompt.prompt for prompt in self.prompts])
        model = self.oven.model
        borrowed = not model.has("vae")
        try:
            if borrowed:
                model.parts["vae"] = self._vae()
            for number, prompt in enumerate(self.prompts, 1):
                path = folder / f"{epoch:02d}-{number:02d}.png"
                draw(model, prompt, self.recipe, path, note=f"Epoch: {epoch}")
                self.events.write(
                    "sample", epoch=epoch, step=step, path=path.name, prompt=prompt.prompt
                )
        except (LorabakeError, torch.OutOfMemoryError) as error:
            self.events.write("warning", text=f"The sample images could not be drawn: {error}")
        finally:
            if borrowed:
                model.free("vae")

    def _vae(self) -> torch.nn.Module:
        """The VAE once more: it was given back after the pictures were encoded."""
        setup, model = self.setup, self.oven.model
        dtype = torch.float32 if self.recipe.model.no_half_vae else model.dtype
        loaded = load_model(
            setup.base,
            family=self.recipe.model.family,
            vae=setup.vae,
            device=model.device,
            vae_dtype=dtype,
            parts=("vae",),
        )
        return loaded.parts["vae"]
