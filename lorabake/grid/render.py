"""Rendering a grid: base models are loaded once, LoRA files are swapped in place, and what differs in
weight, seed or prompt alone is one batch. Every picture is what it would be alone.

A picture is on disk as soon as its batch is done; a grid that was cut off goes on where it was, and
to the same bytes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from lorabake.core.errors import GridError, LorabakeError, Stopped, WorkspaceError
from lorabake.core.events import EventType
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.run import Run
from lorabake.engine.base_hash import identify_base
from lorabake.engine.device import find_device, free_mib
from lorabake.engine.families.model import Model
from lorabake.grid.batches import MOST_TOGETHER, Batch, batches_of, shared
from lorabake.grid.board import Board, Spot
from lorabake.grid.cells import CellFiles
from lorabake.grid.failed import write_errors
from lorabake.grid.infotext import MadeBy, infotext
from lorabake.grid.job import Base, base_of, recipe_of, run_of
from lorabake.grid.painter import Painter, load_base, painters_for, prepare_thread, room_for
from lorabake.grid.xyz import open_board

TELL_EVERY = 0.5  # seconds between two events about steps
TOGETHER = "together.json"  # how many pictures a batch had, so that it is the same after a break


class Events(Protocol):
    """Where a grid tells what it does."""

    def write(self, type: EventType, **data: Any) -> object: ...


@dataclass(frozen=True)
class Cell:
    """One picture. path: None, with the reason in `error`, when it could not be rendered."""

    spot: Spot
    path: Path | None
    error: str = ""

    @property
    def epoch(self) -> int | None:
        return self.spot.epoch

    @property
    def weight(self) -> float | None:
        return self.spot.weight

    @property
    def seed(self) -> int:
        return self.spot.shot.seed


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
    """Render the grid whose plan lies in this folder (`prepare_grid`, `prepare_xyz`).

    Raises Stopped when `should_stop` says so, with what is done kept and a sheet of it; GridError
    when not one picture could be rendered.
    """
    board = open_board(folder)
    grid = _Rendering(CellFiles(folder, board), run_of(folder), events, should_stop)
    events.write("plan", rows=len(board.rows), columns=len(board.columns), total=board.total)
    try:
        grid.run()
    finally:
        sheet = grid.files.write_sheet(grid.errors)
    if sheet is None:
        raise GridError(f"No picture could be rendered. {next(iter(grid.errors.values()), '')}")
    return GridResult(sheet, grid.cells(), grid.seconds)


def render_board(
    files: CellFiles,
    run: Run,
    *,
    events: Events,
    should_stop: Callable[[], bool] = never,
    model: Model | None = None,
) -> dict[str, str]:
    """Paint what is missing of any board, without a sheet; why pictures could not be, by their names.

    model: the run's own base, loaded already; it stays loaded.
    """
    rendering = _Rendering(files, run, events, should_stop, model)
    rendering.run()
    return rendering.errors


class _Rendering:
    """The cells that are missing, shared out among painters.

    Saving is done beside painting: a large PNG takes as long to encode as several steps.
    """

    def __init__(
        self,
        files: CellFiles,
        run: Run,
        events: Events,
        should_stop: Callable[[], bool],
        model: Model | None = None,
    ) -> None:
        self.files = files
        self.board: Board = files.board
        self.baked = run
        self.events = events
        self.should_stop = should_stop
        self.own = model  # the run's own base, where somebody has loaded it already
        self.errors: dict[str, str] = {}  # by the name of a cell's file
        self.failing = threading.Lock()
        self.done = files.done
        self.seconds = 0.0
        self.spots = shared(self.board)
        self.batches: deque[Batch] = deque()
        self.by = MadeBy("", "")
        self.halt = threading.Event()  # one painter failed or was stopped: the others leave too
        self.saving: list[Future[None]] = []

    def run(self) -> None:
        """One base model after the other."""
        write_errors(self.files.folder, {})
        missing = [batch for batch in batches_of(self.spots) if self._is_missing(batch)]
        for name in dict.fromkeys(batch.base for batch in missing):
            self._with_base(name, [batch for batch in missing if batch.base == name])

    def cells(self) -> list[Cell]:
        """In the order in which they were asked for."""
        return [
            Cell(
                spot,
                self.files.path(spot) if self.files.exists(spot) else None,
                self.errors.get(spot.name, ""),
            )
            for spot in self.board.spots
        ]

    def _with_base(self, name: str, batches: list[Batch]) -> None:
        own = not name
        base = base_of(self.baked)
        if not own:
            base = replace(self.board.bases[name], cache=base.cache)
        model = self.own if own else None
        if model is None:
            self.events.write("phase", name="load", detail=f"Loading {base.path.name}")
            try:
                model = load_base(base, recipe_of(self.baked) if own else None)
            except LorabakeError as error:
                if own:
                    raise
                for batch in batches:
                    self._fail(batch, str(error))
                return
        prepare_thread(model)
        self.by = _made_by(base)
        self.batches = deque(batches)
        started = time.perf_counter()
        try:
            self._paint_all(painters_for(model, len(batches), self._painter))
        finally:
            self.seconds += time.perf_counter() - started
            if model is not self.own:
                model.free(*list(model.parts))

    def _painter(self, model: Model) -> Painter:
        return Painter(
            model,
            {name: file.path for name, file in self.board.files.items()},
            self._note,
            self._remember_together,
            self._together(model),
        )

    def _paint_all(self, painters: list[Painter]) -> None:
        self.saver = ThreadPoolExecutor(1)
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
        self.halt.clear()
        self.saving.clear()

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
        try:
            self._raise_if_stopped()
            pictures = painter.paint(batch, self._teller(batch))
        except Stopped:
            raise
        except LorabakeError as error:
            self._fail(batch, str(error))
            return
        for painting, picture in zip(batch.paintings, pictures, strict=True):
            for spot in self.spots[painting]:
                if not self.files.exists(spot):
                    self.saving.append(self.saver.submit(self._save, spot, picture))

    def _save(self, spot: Spot, picture: Tensor) -> None:
        hashes = {name: file.lora_hash for name, file in self.board.files.items()}
        path = self.files.save(spot, picture, infotext(spot.shot, self.by, hashes))
        self.done += 1
        self.events.write(
            "cell",
            epoch=spot.epoch,
            weight=spot.weight,
            label=spot.label,
            path=path.name,
            done=self.done + len(self.errors),
            total=self.board.total,
        )

    def _fail(self, batch: Batch, reason: str) -> None:
        with self.failing:
            for painting in batch.paintings:
                for spot in self.spots[painting]:
                    if not self.files.exists(spot):
                        self.errors[spot.name] = reason
            write_errors(self.files.folder, self.errors)
        self.events.write("warning", text=f"{batch.label} was left out: {reason}")

    def _note(self, text: str) -> None:
        self.events.write("note", text=text)

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
                f"Stopped after {self.done} of {self.board.total} pictures. "
                "The same grid goes on from there."
            )

    def _is_missing(self, batch: Batch) -> bool:
        return any(
            not self.files.exists(spot)
            for painting in batch.paintings
            for spot in self.spots[painting]
        )

    def _together(self, model: Model) -> int:
        """As before the break, else as many as fit into the memory that is free now."""
        with suppress(OSError, WorkspaceError, TypeError, ValueError, KeyError):
            record: Any = read_json(self.files.folder / TOGETHER)
            return max(1, min(MOST_TOGETHER, int(record["together"])))
        pixels = max(spot.shot.width * spot.shot.height for spot in self.board.spots)
        together = room_for(free_mib(find_device()), pixels, model.dtype.itemsize)
        self._remember_together(together)
        return together

    def _remember_together(self, together: int) -> None:
        atomic_write_json(self.files.folder / TOGETHER, {"format": 1, "together": together})


def _made_by(base: Base) -> MadeBy:
    identity = identify_base(base.path, base.cache)
    return MadeBy(identity.name.removesuffix(".safetensors"), identity.sha256)
