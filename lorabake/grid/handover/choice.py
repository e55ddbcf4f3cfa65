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
from lorabake.grid.board import Tasted, epochs_of, tasted
from lorabake.grid.handover.settings import HandoverSettings
from lorabake.grid.job import PLAN
from lorabake.grid.shot import Shot
from lorabake.grid.tags import named
from lorabake.grid.xyz import XYZ, open_board

_FOLDER = re.compile(r"\d+_(.+)", re.S)


@dataclass(frozen=True)
class Cell:
    """A rendered picture and what is in it. name, lora_hash: of the run's file, as a prompt has it."""

    picture: Path
    shot: Shot
    name: str
    lora_hash: str

    @property
    def prompt(self) -> str:
        """Without the tag of the file; those of other LoRAs stay."""
        tag = rf"<(?:lora|lyco):\s*{re.escape(self.name)}\s*(?::[^<>]*)?>"
        rest = re.sub(tag, "", self.shot.prompt, flags=re.I)
        return re.sub(r"(?:^|(?<=,))\s*,", "", rest).strip().strip(",").strip()


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
            negative=self.cell.shot.negative if self.cell else "",
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


def choose(run: Run, epoch: int, weight: float, grid: str = "", picture: str = "") -> Choice:
    """The file of an epoch and the newest picture of it at this weight.

    grid: only from this one; picture: only this one of it. Raises GridError when there is no such
    file, or at weight 0, where it does nothing.
    """
    files = {checkpoint.epoch: checkpoint.path for checkpoint in run.checkpoints()}
    if epoch not in files:
        there = ", ".join(map(str, files)) or "none yet"
        raise GridError(f"There is no file of epoch {epoch}. There are: {there}.")
    if not weight:
        raise GridError(
            "At weight 0 the picture is the plain base model's. Choose one with a weight above 0."
        )
    cell = _cell(run, epoch, weight, grid, picture)
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


def _cell(run: Run, epoch: int, weight: float, grid: str, picture: str) -> Cell | None:
    epochs = epochs_of(run)
    for folder in _grids(run):
        if grid and folder.name != grid:
            continue
        try:
            board = open_board(folder)
        except LorabakeError:
            continue  # a damaged one hides none of the others
        for spot in board.spots:
            if picture and spot.name != picture:
                continue
            if not picture and (spot.shot.base or len(named(spot.shot.prompt)) > 1):
                continue  # it shows more than this file
            if tasted(spot.shot, epochs) != Tasted(epoch, weight):
                continue
            name = next(name for name in named(spot.shot.prompt) if name in epochs)
            if (folder / spot.name).is_file():
                return Cell(folder / spot.name, spot.shot, name, board.files[name].lora_hash)
    return None


def _grids(run: Run) -> list[Path]:
    """The newest first."""
    if not run.grid_dir.is_dir():
        return []
    plans = [path / name for path in run.grid_dir.iterdir() for name in (PLAN, XYZ)]
    found = [path for path in plans if path.is_file()]
    return [path.parent for path in sorted(found, key=lambda path: path.stat().st_mtime)][::-1]
