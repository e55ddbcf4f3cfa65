"""The cell that won: its file, its picture, and what can be suggested from both. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.names import slug
from lorabake.core.run import Run
from lorabake.engine.lora_file import read_metadata
from lorabake.grid.handover.settings import HandoverSettings
from lorabake.grid.job import PLAN, GridPlan, Row, read_plan

_FOLDER = re.compile(r"\d+_(.+)", re.S)


@dataclass(frozen=True)
class Cell:
    """A rendered picture and how it was asked for."""

    picture: Path
    plan: GridPlan
    row: Row


@dataclass(frozen=True)
class Choice:
    """One epoch's file at one weight. metadata: of the file; cell: None without a picture of it."""

    run: Run
    epoch: int
    weight: float
    file: Path
    metadata: Mapping[str, str]
    cell: Cell | None

    @property
    def trigger(self) -> str:
        """The words that were kept in front, or the names of the concept folders."""
        told = self.metadata.get("modelspec.trigger_phrase", "")
        return told or ", ".join(folders_of(self.metadata, trained="ss_dataset_dirs"))

    def suggested(self) -> HandoverSettings:
        """The form as it begins."""
        base = self.metadata.get("ss_output_name", "") or self.run.name
        return HandoverSettings(
            name=slug(base, otherwise="lora"),
            weight=self.weight or 1.0,
            trigger=self.trigger[:2000],
            negative=self.cell.plan.negative if self.cell else "",
            notes=self.told()[:2000],
        )

    def told(self) -> str:
        """Where the file is from, in a sentence."""
        base = self.metadata.get("ss_sd_model_name", "")
        of = self.metadata.get("ss_num_epochs", "")
        epoch = f"epoch {self.epoch} of {of}" if of.isdecimal() else f"epoch {self.epoch}"
        return f"Baked with lorabake: {self.run.name}, {epoch}." + (
            f" Base model: {base}." if base and base != "None" else ""
        )


def choose(run: Run, epoch: int, weight: float, grid: str = "") -> Choice:
    """The file of an epoch and the newest picture of it at this weight; grid: only from this one.

    Raises GridError when there is no such file, or at weight 0, where it does nothing.
    """
    files = {checkpoint.epoch: checkpoint.path for checkpoint in run.checkpoints()}
    if epoch not in files:
        there = ", ".join(map(str, files)) or "none yet"
        raise GridError(f"There is no file of epoch {epoch}. There are: {there}.")
    if not weight:
        raise GridError(
            "At weight 0 the picture is the plain base model's. Choose one with a weight above 0."
        )
    cell = _cell(run, files[epoch].name, weight, grid)
    return Choice(run, epoch, weight, files[epoch], read_metadata(files[epoch]), cell)


def folders_of(metadata: Mapping[str, str], *, trained: str) -> dict[str, tuple[int, int]]:
    """{concept: (pictures, repeats)} as the notes of a file tell; whatever is odd is left out."""
    try:
        listed = json.loads(metadata.get(trained, "{}"))
        items = list(listed.items())
    except (ValueError, RecursionError, AttributeError):
        return {}
    found = {}
    for folder, facts in items[:1000]:
        match = _FOLDER.fullmatch(str(folder))
        count = facts.get("img_count") if isinstance(facts, dict) else None
        repeats = facts.get("n_repeats") if isinstance(facts, dict) else None
        if type(count) is int and type(repeats) is int:
            found[match[1] if match else str(folder)] = (count, repeats)
    return found


def _cell(run: Run, file: str, weight: float, grid: str) -> Cell | None:
    for folder in _grids(run):
        if grid and folder.name != grid:
            continue
        try:
            plan = read_plan(folder)
        except LorabakeError:
            continue  # a damaged one hides none of the others
        for row in plan.rows:
            if row.file == file and weight in plan.weights:
                picture = folder / plan.cell_name(row, weight)
                if picture.is_file():
                    return Cell(picture, plan, row)
    return None


def _grids(run: Run) -> list[Path]:
    """The newest first."""
    if not run.grid_dir.is_dir():
        return []
    found = [path for path in run.grid_dir.iterdir() if (path / PLAN).is_file()]
    return sorted(found, key=lambda path: (path / PLAN).stat().st_mtime, reverse=True)
