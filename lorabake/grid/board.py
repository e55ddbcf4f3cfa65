"""A grid as it is rendered: every cell with what is in it, the labels, the files it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.run import Run
from lorabake.grid.job import Base, GridPlan
from lorabake.grid.shot import Shot
from lorabake.grid.tags import lora_tag, lora_uses
from lorabake.grid.values import join_words, number


@dataclass(frozen=True)
class Spot:
    """One cell: its place, what is in it, the name of its file.

    epoch, weight: where the grid is one of epochs by weights.
    """

    x: int
    y: int
    z: int
    shot: Shot
    name: str
    label: str
    epoch: int | None = None
    weight: float | None = None


@dataclass(frozen=True)
class LoraFile:
    """A LoRA that prompts may name."""

    path: Path
    lora_hash: str


@dataclass(frozen=True)
class AxisText:
    """An axis as X/Y/Z plot would be asked for it. fixed: values that were drawn for a seed of -1."""

    type: str
    values: str
    fixed: str = ""


@dataclass(frozen=True)
class Board:
    """columns, rows, sheets: the labels along X, Y and Z; one empty one where there is no axis.

    files: by the name in a tag. bases: those beside the run's own, by the name in a shot. margin: px
    between cells. title: what the grid is of. axis_names: of X, Y and Z, as far as there are any.
    """

    spots: tuple[Spot, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    sheets: tuple[str, ...]
    axes: tuple[AxisText, ...]
    files: Mapping[str, LoraFile]
    bases: Mapping[str, Base]
    margin: int = 0
    title: str = ""
    axis_names: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return len(self.spots)


@dataclass(frozen=True)
class Tasted:
    """The file of its run that a picture tastes of. why: it is no single one, or none that does
    anything; then epoch and weight may be None."""

    epoch: int | None = None
    weight: float | None = None
    why: str = ""


def epochs_of(run: Run) -> dict[str, int]:
    """The epochs of a run's files, by the name in a tag."""
    return {checkpoint.path.stem: checkpoint.epoch for checkpoint in run.checkpoints()}


def tasted(shot: Shot, epochs: Mapping[str, int]) -> Tasted:
    """Which epoch a picture was painted with, and how strongly, as its prompt says.

    epochs: of the run's files, by the name in a tag. Other LoRAs may stand beside it.
    """
    uses = [use for use in lora_uses(shot.prompt) if use.name in epochs]
    if not uses:
        return Tasted(why="No file of this run is in its prompt. Choose another picture.")
    if len(uses) > 1:
        return Tasted(
            why="Its prompt names more than one file of this run. Choose another picture."
        )
    use = uses[0]
    epoch = epochs[use.name]
    if use.idle:
        return Tasted(
            epoch, 0.0, "At weight 0 it is the plain base model's. Choose another picture."
        )
    if use.text != use.unet:
        why = "Its weights for text encoder and U-Net differ; a web UI is told one. Choose another picture."
        return Tasted(epoch, None, why)
    if use.blocks is not None or use.ranks is not None:
        why = "Only a part of its file acts (lbw, dyn); a web UI is told one weight. Choose another picture."
        return Tasted(epoch, None, why)
    return Tasted(epoch, use.unet)


def board_of(plan: GridPlan, run: Run) -> Board:
    """Epochs down, weights across, all else the same."""
    spots = []
    for y, row in enumerate(plan.rows):
        for x, weight in enumerate(plan.weights):
            shot = Shot(
                prompt=f"{lora_tag(row.name, weight)} {plan.prompt}",
                negative=plan.negative,
                seed=plan.seed,
                steps=plan.steps,
                cfg=plan.cfg,
                sampler=plan.sampler,
                width=plan.width,
                height=plan.height,
                clip_skip=plan.clip_skip,
            )
            label = f"epoch {row.epoch}, weight {weight}"
            name = plan.cell_name(row, weight)
            spots.append(Spot(x, y, 0, shot, name, label, row.epoch, weight))
    return Board(
        spots=tuple(spots),
        columns=tuple(f"weight {number(weight)}" for weight in plan.weights),
        rows=tuple(f"epoch {row.suffix}" for row in plan.rows),
        sheets=("",),
        axes=(
            AxisText("Prompt S/R", join_words([f"{number(w)}>" for w in plan.weights])),
            AxisText("Prompt S/R", join_words([f"-{row.suffix}" for row in plan.rows])),
        ),
        files={row.name: LoraFile(run.folder / row.file, row.lora_hash) for row in plan.rows},
        bases={},
        title=plan.prompt,
        axis_names=("Weight", "Epoch"),
    )
