"""What a verdict measures, before it does: which cells, how many pictures, how long that takes.

Its job lies in `GRID/verdict/`, with what was asked, the losses and small pictures; what came of it is
`GRID/verdict.json`. No torch here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.events import read_events
from lorabake.core.files import atomic_write_json
from lorabake.core.run import Run
from lorabake.core.workspace import Workspace
from lorabake.grid.board import Board, epochs_of, tasted
from lorabake.grid.job import DAMAGED, Row, fields_of, row_of, run_of
from lorabake.grid.tags import without_tags
from lorabake.grid.xyz import open_board

KIND = "verdict"
FOLDER = "verdict"
ASKED = "asked.json"
FORMAT = 1
SMALL = 256 * 256  # px of a picture that costs next to nothing: more of them are painted

Key = tuple[int, float]
"""A cell: its epoch and its weight."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """rows, weights: the cells. workspace: where taggers and the index are.

    pictures: of the data set whose loss is measured, at `levels` noise levels each. prompts, seeds: what
    is painted of the LoRA's own subject in each cell; unrelated: prompts of something else. steps: of
    each painting. seed: of everything drawn by chance.
    """

    rows: tuple[Row, ...]
    weights: tuple[float, ...]
    workspace: str
    prompt: str
    negative: str
    sampler: str
    cfg: float
    width: int
    height: int
    clip_skip: int
    pictures: int
    levels: int
    prompts: int
    seeds: int
    unrelated: int
    steps: int
    seed: int = 0

    @property
    def painted(self) -> list[float]:
        """The weights that need paintings of each epoch: at 0 all of them are the plain base."""
        return [weight for weight in self.weights if weight]

    @property
    def cells(self) -> list[Key]:
        """Every cell but those of the plain base."""
        return [(row.epoch, weight) for row in self.rows for weight in self.painted]

    @property
    def paintings(self) -> int:
        """Pictures that are painted in all, with those of the plain base."""
        each = self.prompts * self.seeds + self.unrelated
        return (len(self.cells) + 1) * each + self.unrelated

    @property
    def predictions(self) -> int:
        """How often the U-Net is asked in all; a step of a painting asks it twice."""
        return (len(self.cells) + 1) * self.pictures * self.levels + 2 * self.steps * self.paintings


def prepare_verdict(grid: Path, workspace: Workspace) -> Path:
    """The job's folder for a grid; GridError for one that compares neither epochs nor weights."""
    folder = grid / FOLDER
    asked = ask_about(grid, workspace)
    folder.mkdir(exist_ok=True)
    atomic_write_json(folder / ASKED, {"format": FORMAT, **asdict(asked)})
    return folder


def ask_about(grid: Path, workspace: Workspace) -> Asked:
    """What would be measured of a grid, and how much of it."""
    board, run = open_board(grid), run_of(grid)
    cells = _cells(board, run)
    weights = list(dict.fromkeys(weight for _, weight in cells))
    epochs = {epoch for epoch, weight in cells if weight}
    files = {one.epoch: one.path for one in run.checkpoints()}
    if len(epochs) * len(weights) < 2:
        raise GridError(
            "This grid compares neither epochs nor weights of its run, so there is nothing to measure. "
            "Render one of epochs by weights."
        )
    shot = board.spots[0].shot
    small = shot.width * shot.height <= SMALL
    return Asked(
        rows=tuple(row_of(epoch, files[epoch]) for epoch in sorted(epochs)),
        weights=tuple(weights),
        workspace=str(workspace.root),
        prompt=without_tags(shot.prompt).strip(" ,"),
        negative=shot.negative,
        sampler=shot.sampler,
        cfg=shot.cfg,
        width=shot.width,
        height=shot.height,
        clip_skip=shot.clip_skip,
        pictures=24 if small else 12,
        levels=4,
        prompts=4 if small else 2,
        seeds=2,
        unrelated=2,
        steps=12,
    )


def _cells(board: Board, run: Run) -> list[Key]:
    """Epoch and weight of each picture that is painted with one file of the run on its own base."""
    epochs = epochs_of(run)
    found = [tasted(spot.shot, epochs) for spot in board.spots if not spot.shot.base]
    return [
        (one.epoch, one.weight) for one in found if one.epoch is not None and one.weight is not None
    ]


def read_asked(folder: Path) -> Asked:
    """What `prepare_verdict` wrote; GridError when it is damaged."""
    try:
        return Asked(**fields_of(folder / ASKED))
    except DAMAGED as error:
        raise GridError(f"{ASKED} is damaged ({error}). Press Measure again.") from error


def grid_of(folder: Path) -> Path:
    """The grid that a verdict's folder belongs to."""
    return folder.parent


def expected_seconds(grid: Path, asked: Asked) -> float | None:
    """How long it will take, from how long this grid's pictures took; None when nobody knows.

    Only pictures of the rendering that ended last count. Loading the model comes on top.
    """
    try:
        steps = open_board(grid).spots[0].shot.steps
        events, _ = read_events(Run(grid).events_path)
    except (OSError, LorabakeError):
        return None
    painted: set[tuple[str, str]] = set()  # at weight 0 all rows share one picture
    for event in events:
        if event.type == "plan":
            painted = set()
        elif event.type == "cell":
            weight = event.data.get("weight")
            painted.add((str(event.data.get("path")) if weight != 0 else "", str(weight)))
        elif event.type == "finished" and painted:
            seconds = event.data.get("seconds")
            if isinstance(seconds, int | float) and seconds > 0:
                return float(seconds) / (2 * steps * len(painted)) * asked.predictions
    return None
