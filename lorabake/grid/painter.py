"""One loaded model that paints batches: LoRA files are swapped in place, texts are encoded once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lorabake.core.cpus import cpu_count
from lorabake.core.errors import DeviceError
from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.device import SMALL_NETWORK, choose_dtype, find_device, set_threads
from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.networks.merged import MergedLoras, Strength
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.engine.sample import OnStep, sample
from lorabake.grid.batches import MOST_TOGETHER, Batch, Painting
from lorabake.grid.job import Base
from lorabake.grid.tags import LoraUse

MOST_PAINTERS = 8
MOST_HEARD = 512  # encoded texts that are kept
KIB_A_PIXEL = 1.5  # of one SDXL picture with its negative side, in half precision

_Part = tuple[Path, int | None]  # a file, and how many of its ranks: None for all

# A tokenizer is changed by being used, and painters share theirs.
_encoding = threading.Lock()


class Painter:
    """A model and the LoRAs that are on it now.

    files: of the LoRAs, by name. together: pictures at one time; fewer after memory ran out, which
    `shrunk` is then told. note: says so to a person.
    """

    def __init__(
        self,
        model: Model,
        files: Mapping[str, Path],
        note: Callable[[str], None],
        shrunk: Callable[[int], None] = lambda together: None,
        together: int = MOST_TOGETHER,
    ) -> None:
        self.model = model
        self.files = files
        self.note = note
        self.shrunk = shrunk
        self.together = together
        self.switch = LoraSwitch(model)
        self.merged = MergedLoras(model)
        self._loaded: _Part | None = None
        self._changes_text: dict[Path, bool] = {}
        self._heard: dict[tuple[object, ...], Conditioning] = {}

    def paint(self, batch: Batch, on_step: OnStep) -> list[Tensor]:
        """The pictures of a batch, (3, H, W) each."""
        self._put_on(batch)
        pictures: list[Tensor] = []
        while len(pictures) < len(batch.paintings):
            some = batch.paintings[len(pictures) : len(pictures) + self.together]
            try:
                pictures += self._together(some, batch.main, on_step)
            except torch.OutOfMemoryError:
                self._fewer_together(len(some))
        return pictures

    def close(self) -> None:
        self.switch.detach()
        self._loaded = None
        self.merged.take_off()

    def _put_on(self, batch: Batch) -> None:
        """The batch's main LoRA as a network with a weight for each picture, the others merged."""
        loras = batch.paintings[0].loras
        others = [use for index, use in enumerate(loras) if index != batch.main]
        wanted = tuple(
            Strength(self.files[use.name], use.heard, use.unet, use.blocks, use.ranks)
            for use in others
        )
        main = (self.files[loras[batch.main].name], loras[batch.main].ranks) if loras else None
        if wanted != self.merged.now:
            self._take_off_main()
            self.merged.put(wanted)
        if main is None:
            self._take_off_main()
        elif main != self._loaded:
            self._loaded = None  # a file that cannot be loaded leaves nothing on the model
            self.switch.load(*main)
            self._loaded = main

    def _take_off_main(self) -> None:
        self.switch.detach()
        self._loaded = None

    def _together(
        self, paintings: Sequence[Painting], main: int, on_step: OnStep
    ) -> Sequence[Tensor]:
        """Pictures whose texts need differing numbers of chunks cannot share a batch."""
        sides = [self._both_sides(painting, main) for painting in paintings]
        lengths = [tuple(side.context.shape[1] for side in pair) for pair in sides]
        pictures: dict[int, Tensor] = {}
        for length in dict.fromkeys(lengths):
            places = [place for place, own in enumerate(lengths) if own == length]
            painted = self._row(
                [paintings[place] for place in places], [sides[p] for p in places], main, on_step
            )
            pictures.update(zip(places, painted, strict=True))
        return [pictures[place] for place in range(len(paintings))]

    def _row(
        self,
        paintings: Sequence[Painting],
        sides: Sequence[tuple[Conditioning, Conditioning]],
        main: int,
        on_step: OnStep,
    ) -> Tensor:
        shot = paintings[0].shot
        positive, negative = (_stacked(rows) for rows in zip(*sides, strict=True))
        with torch.inference_mode():
            if paintings[0].loras:
                uses = [painting.loras[main] for painting in paintings]
                self.switch.set_weights([use.unet for use in uses], [use.blocks for use in uses])
            return sample(
                self.model,
                positive,
                negative,
                seeds=[painting.shot.seed for painting in paintings],
                width=shot.width,
                height=shot.height,
                steps=shot.steps,
                cfg=shot.cfg,
                sampler=shot.sampler,
                on_step=on_step,
            )

    def _both_sides(self, painting: Painting, main: int) -> tuple[Conditioning, Conditioning]:
        shot = painting.shot
        return (
            self._hear(shot.prompt, painting.loras, main, shot.clip_skip, negative=False),
            self._hear(shot.negative, painting.loras, main, shot.clip_skip, negative=True),
        )

    def _hear(
        self, text: str, loras: Sequence[LoraUse], main: int, clip_skip: int, *, negative: bool
    ) -> Conditioning:
        """What the model hears, encoded once for each text and what the LoRAs make of it."""
        changing = tuple(
            (use.name, use.ranks, use.heard) for use in loras if self._changes(use.name)
        )
        key = (text, negative, clip_skip, changing)
        if key not in self._heard:
            if len(self._heard) >= MOST_HEARD:
                self._heard.clear()
            if loras:
                self.switch.set_prompt_weight(loras[main].heard)
            with torch.inference_mode(), _encoding:
                self._heard[key] = self.model.encode_weighted(text, clip_skip, negative=negative)
        return self._heard[key]

    def _changes(self, name: str) -> bool:
        """Whether a file also changes what the text encoders say."""
        path = self.files[name]
        if path not in self._changes_text:
            tensors = read_header(path).tensors
            self._changes_text[path] = any(key.startswith("lora_te") for key in tensors)
        return self._changes_text[path]

    def _fewer_together(self, tried: int) -> None:
        if tried == 1:
            raise DeviceError(
                "The graphics card ran out of memory with a single picture. "
                "Choose a smaller size under Is it ready?."
            )
        self.together = max(tried // 2, 1)
        self.shrunk(self.together)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        self.note(f"The card's memory is too small for so many: {self.together} at a time.")


def load_base(base: Base, recipe: Any) -> Model:
    """A base model on the best device of this machine. recipe: of the run, None for another base."""
    device = find_device()
    dtype = torch.float32
    if device.kind != "cpu":  # a CPU computes fastest in full precision
        dtype = choose_dtype(recipe.general.mixed_precision if recipe else "fp16", device.kind)
    no_half_vae = recipe.model.no_half_vae if recipe else True
    options = {}
    if recipe:
        options = {
            "family": recipe.model.family,
            "prediction": recipe.model.prediction,
            "zero_terminal_snr": recipe.model.zero_terminal_snr,
        }
    return load_model(
        base.path,
        **options,
        vae=base.vae,
        device=device.kind,
        dtype=dtype,
        vae_dtype=torch.float32 if no_half_vae else dtype,
    )


def room_for(free_mib: float, pixels: int, bytes_a_number: int) -> int:
    """How many pictures of so many pixels fit into free memory at one time: 1 to 16."""
    each = pixels * KIB_A_PIXEL / 1024 * bytes_a_number / 2
    return max(1, min(MOST_TOGETHER, int(0.8 * free_mib / each))) if free_mib else 1


def painters_for(model: Model, batches: int, make: Callable[[Model], Painter]) -> list[Painter]:
    """One painter; for a small model on a processor one for each core, up to the number of batches.

    A small model gains little from sharing one batch among cores, and everything from one on each.
    """
    count = 1
    if model.device.type == "cpu" and _size(model) < SMALL_NETWORK:
        count = max(min(batches, _cores(), MOST_PAINTERS), 1)
    models = [model]
    models += [replace(model, parts=copy.deepcopy(model.parts)) for _ in range(count - 1)]
    return [make(one) for one in models]


def prepare_thread(model: Model) -> None:
    """What torch keeps for each thread on its own."""
    set_threads(_size(model), model.device.type)


def _stacked(rows: Sequence[Conditioning]) -> Conditioning:
    """(B, T, D) and (B, P); one row where all are the same."""
    if all(row is rows[0] for row in rows):
        return rows[0]
    return Conditioning(*(torch.cat(parts) for parts in zip(*rows, strict=True)))


def _size(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.unet.parameters())


def _cores() -> int:
    """Those that this process may use."""
    return cpu_count()
