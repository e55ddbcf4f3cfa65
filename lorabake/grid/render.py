"""Rendering a grid: the base model is loaded once, each epoch's LoRA is swapped in place, and all
weights of an epoch are one batch. Every picture is what it would be alone.

A picture is on disk as soon as its row is done; a grid that was cut off goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from lorabake.core.errors import GridError, LorabakeError, Stopped
from lorabake.core.events import EventType
from lorabake.engine.base_hash import identify_base
from lorabake.grid.cells import CellFiles
from lorabake.grid.infotext import Rendering, infotext
from lorabake.grid.job import GridPlan, Row, base_of, read_plan, recipe_of, run_of
from lorabake.grid.painter import Painter, load_base, painters_for, prepare_thread

TELL_EVERY = 0.5  # seconds between two events about steps


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


@dataclass(frozen=True)
class Batch:
    """Pictures of one file. row: None for the plain base, whose picture is that of every epoch."""

    row: Row | None
    weights: list[float]

    @property
    def label(self) -> str:
        return f"Epoch {self.row.suffix}" if self.row else "The plain base"


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
    files = CellFiles(folder, plan)
    events.write("plan", rows=len(plan.rows), columns=len(plan.weights), total=plan.total)
    started = time.perf_counter()
    errors: dict[tuple[int, float], str] = {}
    try:
        if files.done < plan.total:
            run = run_of(folder)
            base = base_of(run)
            events.write("phase", name="load", detail=f"Loading {base.path.name}")
            model = load_base(base, recipe_of(run))
            prepare_thread(model)
            started = time.perf_counter()
            identity = identify_base(base.path, base.cache)
            about = _about(plan, identity.name.removesuffix(".safetensors"), identity.sha256)
            grid = _Rendering(files, about, run.folder, events, should_stop, errors)
            painters = painters_for(model, plan, len(grid.batches), lambda t: _note(events, t))
            grid.run(painters)
    finally:
        sheet = files.write_sheet()
    if sheet is None:
        raise GridError(f"No picture could be rendered. {next(iter(errors.values()), '')}")
    return GridResult(sheet, _cells(files, errors), time.perf_counter() - started)


class _Rendering:
    """The cells that are missing, shared out among painters.

    Saving is done beside painting: a large PNG takes as long to encode as several steps.
    """

    def __init__(
        self,
        files: CellFiles,
        about: Rendering,
        run_folder: Path,
        events: Events,
        should_stop: Callable[[], bool],
        errors: dict[tuple[int, float], str],
    ) -> None:
        self.files = files
        self.plan = files.plan
        self.about = about
        self.run_folder = run_folder
        self.events = events
        self.should_stop = should_stop
        self.errors = errors
        self.done = files.done
        self.batches = deque(_batches(files))
        self.halt = threading.Event()  # one painter failed or was stopped: the others leave too
        self.saver = ThreadPoolExecutor(1)
        self.saving: list[Future[None]] = []

    def run(self, painters: list[Painter]) -> None:
        try:
            if len(painters) == 1:
                self._paint(painters[0])
            else:
                self._side_by_side(painters)
        finally:
            self.halt.set()
            self.saver.shutdown(wait=True)
        for future in self.saving:
            future.result()

    def _side_by_side(self, painters: list[Painter]) -> None:
        with ThreadPoolExecutor(len(painters)) as pool:
            try:
                waiting = [pool.submit(self._paint, painter) for painter in painters]
                wait(waiting)
            finally:  # also when this thread is told to end
                self.halt.set()
        errors = [error for future in waiting if (error := future.exception())]
        # a painter that left because of another's mistake says only that it stopped
        for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
            raise error

    def _paint(self, painter: Painter) -> None:
        """Batches as long as there are any."""
        prepare_thread(painter.model)
        try:
            while True:
                try:
                    batch = self.batches.popleft()
                except IndexError:
                    return
                self._one(painter, batch)
        except BaseException:
            self.halt.set()
            raise
        finally:
            painter.close()

    def _one(self, painter: Painter, batch: Batch) -> None:
        file = self.run_folder / batch.row.file if batch.row else None
        try:
            self._raise_if_stopped()
            pictures = painter.paint(file, batch.weights, self._teller(batch))
        except Stopped:
            raise
        except LorabakeError as error:
            self._fail(batch, str(error))
            return
        for weight, picture in zip(batch.weights, pictures, strict=True):
            rows = [batch.row] if batch.row else self.plan.rows
            for row in rows:
                if not self.files.exists(row, weight):
                    self.saving.append(self.saver.submit(self._save, row, weight, picture))

    def _save(self, row: Row, weight: float, picture: Tensor) -> None:
        text = infotext(self.about, row.name, row.lora_hash, weight)
        path = self.files.save(row, weight, picture, text)
        self.done += 1
        self.events.write(
            "cell",
            epoch=row.epoch,
            weight=weight,
            path=path.name,
            done=self.done + len(self.errors),
            total=self.plan.total,
        )

    def _fail(self, batch: Batch, reason: str) -> None:
        for row in [batch.row] if batch.row else self.plan.rows:
            for weight in batch.weights:
                self.errors[row.epoch, weight] = reason
        self.events.write("warning", text=f"{batch.label} was left out: {reason}")

    def _teller(self, batch: Batch) -> Callable[[int, int], None]:
        next_word = time.monotonic() + TELL_EVERY

        def on_step(step: int, steps: int) -> None:
            nonlocal next_word
            self._raise_if_stopped()
            if time.monotonic() >= next_word:
                next_word = time.monotonic() + TELL_EVERY
                self.events.write(
                    "phase", name="render", detail=batch.label, done=step, total=steps
                )

        return on_step

    def _raise_if_stopped(self) -> None:
        if self.halt.is_set() or self.should_stop():
            raise Stopped(
                f"Stopped after {self.done} of {self.plan.total} pictures. "
                "The same grid goes on from there."
            )


def _batches(files: CellFiles) -> list[Batch]:
    """What is left to do. At weight 0 all epochs are the plain base, which is rendered once."""
    batches = []
    missing = {row: files.missing(row) for row in files.plan.rows}
    if any(0.0 in weights for weights in missing.values()):
        batches.append(Batch(None, [0.0]))
    for row, weights in missing.items():
        if left := [weight for weight in weights if weight]:
            batches.append(Batch(row, left))
    return batches


def _about(plan: GridPlan, model: str, model_hash: str) -> Rendering:
    return Rendering(
        prompt=plan.prompt,
        negative=plan.negative,
        seed=plan.seed,
        steps=plan.steps,
        cfg=plan.cfg,
        sampler=plan.sampler,
        width=plan.width,
        height=plan.height,
        model=model,
        model_hash=model_hash,
        clip_skip=plan.clip_skip,
    )


def _cells(files: CellFiles, errors: dict[tuple[int, float], str]) -> list[Cell]:
    """Row by row, in the order they were asked for."""
    return [
        Cell(
            row.epoch,
            weight,
            files.plan.seed,
            files.path(row, weight) if files.exists(row, weight) else None,
            errors.get((row.epoch, weight), ""),
        )
        for row in files.plan.rows
        for weight in files.plan.weights
    ]


def _note(events: Events, text: str) -> None:
    events.write("note", text=text)
