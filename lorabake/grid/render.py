"""Rendering a grid: the base model is loaded once, each epoch's LoRA is swapped in place, and all
weights of an epoch are one batch. Every picture is what it would be alone.

A picture is on disk as soon as its row is done; a grid that was cut off goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from lorabake.core.errors import DeviceError, GridError, LorabakeError, Stopped
from lorabake.core.events import EventType
from lorabake.core.files import atomic_writer
from lorabake.engine.base_hash import identify_base
from lorabake.engine.device import choose_dtype, find_device, set_threads
from lorabake.engine.families.model import Model
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.engine.sample import sample
from lorabake.grid.infotext import Rendering, infotext, number, sheet_infotext
from lorabake.grid.job import Base, GridPlan, Row, base_of, read_plan, recipe_of, run_of
from lorabake.grid.sheet import draw_sheet

SHEET = "sheet.png"
TELL_EVERY = 0.5  # seconds between two events about steps
QUICK = 1  # PNG compression: a third of the time of the usual 6 for files a tenth larger


class Events(Protocol):
    """Where a grid tells what it does."""

    def write(self, type: EventType, **data: Any) -> object: ...


@dataclass(frozen=True)
class Cell:
    """One picture. path: None, with the reason in `error`, when it could not be rendered."""

    epoch: int
    weight: float
    seed: int
    path: Path | None
    error: str = ""


@dataclass(frozen=True)
class GridResult:
    """What came out. seconds: of rendering, without loading the model."""

    sheet: Path
    cells: list[Cell]
    seconds: float


def never() -> bool:
    return False


def render_grid(
    folder: Path, *, events: Events, should_stop: Callable[[], bool] = never
) -> GridResult:
    """Render the grid that `prepare_grid` wrote into this folder.

    Raises Stopped when `should_stop` says so, with what is done kept and a sheet of it; GridError
    when not one picture could be rendered.
    """
    plan = read_plan(folder)
    grid = _Grid(folder, plan, events, should_stop)
    events.write("plan", rows=len(plan.rows), columns=len(plan.weights), total=plan.total)
    started = time.perf_counter()
    try:
        if not grid.is_complete:
            run = run_of(folder)
            base = base_of(run)
            events.write("phase", name="load", detail=f"Loading {base.path.name}")
            model = load_base(base, recipe_of(run))
            started = time.perf_counter()
            grid.render(model, base)
    finally:
        sheet = grid.write_sheet()
    cells = grid.cells()
    if sheet is None:
        raise GridError(f"No picture could be rendered. {cells[0].error}")
    return GridResult(sheet, cells, time.perf_counter() - started)


def load_base(base: Base, recipe: Any) -> Model:
    """The run's base model on the best device of this machine."""
    device = find_device()
    dtype = torch.float32
    if device.kind != "cpu":  # a CPU computes fastest in full precision
        dtype = choose_dtype(recipe.general.mixed_precision, device.kind)
    vae_dtype = torch.float32 if recipe.model.no_half_vae else dtype
    model = load_model(
        base.path, vae=base.vae, device=device.kind, dtype=dtype, vae_dtype=vae_dtype
    )
    set_threads(sum(p.numel() for p in model.unet.parameters()), device.kind)
    return model


@dataclass
class _Grid:
    """The state of one rendering."""

    folder: Path
    plan: GridPlan
    events: Events
    should_stop: Callable[[], bool]
    errors: dict[tuple[int, float], str] = field(default_factory=dict)
    plain: Tensor | None = None  # the picture at weight 0, which is the same for every epoch
    together: int = 0  # pictures in one batch; fewer after memory ran out
    done: int = 0

    def __post_init__(self) -> None:
        self.together = len(self.plan.weights)
        self.done = sum(
            self._path(row, weight).exists()
            for row in self.plan.rows
            for weight in self.plan.weights
        )

    @property
    def is_complete(self) -> bool:
        return self.done == self.plan.total

    def render(self, model: Model, base: Base) -> None:
        """All rows that are not on disk yet."""
        identity = identify_base(base.path, base.cache)
        plan = self.plan
        about = Rendering(
            plan.prompt, plan.negative, plan.seed, plan.steps, plan.cfg, plan.sampler,
            plan.width, plan.height, identity.name.removesuffix(".safetensors"), identity.sha256,
        )  # fmt: skip
        # encoding a large PNG takes as long as several steps: it is done beside the next row
        with LoraSwitch(model) as switch, ThreadPoolExecutor(1) as writer:
            writing: list[Future[None]] = []
            for row in plan.rows:
                missing = [w for w in plan.weights if not self._path(row, w).exists()]
                if not missing:
                    continue
                self._stop_if_asked()
                try:
                    pictures = self._row(switch, row, missing)
                except LorabakeError as error:
                    if isinstance(error, Stopped):
                        raise
                    self._fail(row, missing, str(error))
                    continue
                for weight, picture in zip(missing, pictures, strict=True):
                    writing.append(writer.submit(self._save, about, row, weight, picture))
            for future in writing:
                future.result()

    def _row(self, switch: LoraSwitch, row: Row, weights: Sequence[float]) -> list[Tensor]:
        """The pictures of an epoch: (3, H, W) each."""
        switch.load(run_of(self.folder).folder / row.file)
        if self.plain is None and 0.0 in weights:
            self.plain = self._plain_from_disk()
        pictures = {} if self.plain is None else {0.0: self.plain}
        left = [weight for weight in weights if weight not in pictures]
        while left:
            batch = left[: self.together]
            try:
                made = self._batch(switch, row, batch)
            except torch.OutOfMemoryError:
                self._fewer_together(switch.model)
                continue
            pictures.update(zip(batch, made, strict=True))
            left = left[len(batch) :]
        self.plain = pictures.get(0.0, self.plain)
        return [pictures[weight] for weight in weights]

    def _batch(self, switch: LoraSwitch, row: Row, weights: Sequence[float]) -> Tensor:
        """Pictures of one epoch at several weights: (B, 3, H, W)."""
        plan = self.plan
        next_word = time.monotonic() + TELL_EVERY

        def on_step(step: int, steps: int) -> None:
            nonlocal next_word
            self._stop_if_asked()
            if time.monotonic() >= next_word:
                next_word = time.monotonic() + TELL_EVERY
                detail = f"Epoch {row.suffix}"
                self.events.write("phase", name="render", detail=detail, done=step, total=steps)

        with torch.inference_mode():
            positive, negative = self._encode(switch, weights)
            switch.set_weights(weights)
            return sample(
                switch.model,
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

    def _encode(
        self, switch: LoraSwitch, weights: Sequence[float]
    ) -> tuple[Conditioning, Conditioning]:
        """The prompt and the negative one: one row for each weight, or one when all are equal."""
        texts = [self.plan.prompt, self.plan.negative]
        encoded = []
        for weight in weights if switch.changes_text else weights[:1]:
            switch.set_prompt_weight(weight)
            encoded.append(switch.model.encode_prompts(texts))  # (2, T, D): equal T for both
        positive, negative = (
            Conditioning(
                *(
                    torch.stack([rows[which] for rows in each])
                    for each in zip(*encoded, strict=True)
                )
            )
            for which in (0, 1)
        )
        return positive, negative

    def _fewer_together(self, model: Model) -> None:
        if self.together == 1:
            raise DeviceError(
                "The graphics card ran out of memory with a single picture. "
                "Choose a smaller size under Is it ready?."
            )
        self.together = max(self.together // 2, 1)
        if model.device.type == "cuda":
            torch.cuda.empty_cache()
        self.events.write(
            "note",
            text=f"The card's memory is too small for the whole row: {self.together} at a time.",
        )

    def _save(self, about: Rendering, row: Row, weight: float, picture: Tensor) -> None:
        """Write one cell; called beside the rendering of the next row."""
        path = self._path(row, weight)
        notes = PngImagePlugin.PngInfo()
        notes.add_text("parameters", infotext(about, row.name, row.lora_hash, weight))
        write_png(path, to_image(picture), notes)
        self.done += 1
        self.events.write(
            "cell",
            epoch=row.epoch,
            weight=weight,
            path=path.name,
            done=self.done + len(self.errors),
            total=self.plan.total,
        )

    def _fail(self, row: Row, weights: Sequence[float], reason: str) -> None:
        for weight in weights:
            self.errors[row.epoch, weight] = reason
        self.events.write("warning", text=f"Epoch {row.suffix} was left out: {reason}")

    def write_sheet(self) -> Path | None:
        """The sheet of all cells there are; None when there is none."""
        plan = self.plan
        pictures: dict[tuple[int, int], Image.Image] = {}
        first = ""
        for y, row in enumerate(plan.rows):
            for x, weight in enumerate(plan.weights):
                if self._path(row, weight).exists():
                    picture = Image.open(self._path(row, weight))
                    picture.load()
                    first = first or str(picture.info.get("parameters", ""))
                    pictures[x, y] = picture
        if not pictures:
            return None
        sheet = draw_sheet(
            pictures,
            [f"weight {number(weight)}" for weight in plan.weights],
            [f"epoch {row.suffix}" for row in plan.rows],
            (plan.width, plan.height),
        )
        notes = PngImagePlugin.PngInfo()
        suffixes = [row.suffix for row in plan.rows]
        notes.add_text("parameters", sheet_infotext(first, plan.weights, suffixes))
        write_png(self.folder / SHEET, sheet, notes)
        return self.folder / SHEET

    def cells(self) -> list[Cell]:
        """Row by row, in the order they were asked for."""
        return [
            Cell(
                row.epoch,
                weight,
                self.plan.seed,
                self._path(row, weight) if self._path(row, weight).exists() else None,
                self.errors.get((row.epoch, weight), ""),
            )
            for row in self.plan.rows
            for weight in self.plan.weights
        ]

    def _plain_from_disk(self) -> Tensor | None:
        """The picture at weight 0 when an earlier rendering has made it."""
        for row in self.plan.rows:
            path = self._path(row, 0.0)
            if path.exists():
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
                return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1
        return None

    def _path(self, row: Row, weight: float) -> Path:
        return self.folder / self.plan.cell_name(row, weight)

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise Stopped(
                f"Stopped after {self.done} of {self.plan.total} pictures. "
                "The same grid goes on from there."
            )


def to_image(picture: Tensor) -> Image.Image:
    """A picture from -1 to 1, (3, H, W), as 8-bit RGB."""
    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def write_png(path: Path, image: Image.Image, notes: PngImagePlugin.PngInfo) -> None:
    """Whole or not at all."""
    with atomic_writer(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=notes, compress_level=QUICK)
