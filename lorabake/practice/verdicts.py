"""Does the measured verdict choose well? The sample baked with several seeds, every cell judged.

The verdict knows losses, a tagger and colours. The judge, which it never hears, looks at other prompts
and other seeds of every cell.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lorabake.core.dataset import scan_dataset
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.engine.families import load_model
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.verdict.asked import prepare_verdict
from lorabake.grid.verdict.work import measure
from lorabake.recipe.presets import load_recipe
from lorabake.train.loop import train
from lorabake.train.prepare import prepare_run

from . import MODEL_DIR, SAMPLE_DIR, SAMPLE_TRIGGER
from .characters import random_stranger, stranger_tags
from .evaluate import OBEYED, NoEvents, agreement, paint
from .figures import Figure, share
from .judge import TRAITS, load_judge

logger = logging.getLogger(__name__)

SEEDS = (1, 2, 3, 4, 5)
EPOCHS, WEIGHTS = "1, 2, 4, 6, 8, 10", "0.6, 0.8, 1.0"
PICTURES = 20  # that judge each cell
NEAR = 95.0  # percent of the best cell's score that the proposed one must reach

Cell = tuple[int, float]


@dataclass(frozen=True)
class Judged:
    """One bake. scores: of each cell, the mean share of her traits in percent; obeyed: of the prompt's
    other tags. chosen: the proposed cell; record: the verdict."""

    scores: Mapping[Cell, float]
    obeyed: Mapping[Cell, float]
    chosen: Cell
    record: Mapping[str, Any]

    @property
    def best(self) -> Cell:
        return max(self.scores, key=lambda cell: self.scores[cell])

    @property
    def share(self) -> float:
        """The proposed cell's score in percent of the best one's."""
        return 100 * self.scores[self.chosen] / self.scores[self.best]


def check_verdicts(seeds: Sequence[int] = SEEDS, **changes: Any) -> list[Figure]:
    """Figures of each bake; changes: to the practice preset, such as validation_split=0.2."""
    figures: list[Figure] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="lorabake-verdict-") as folder:
            found = judged_bake(Path(folder), seed, changes)
        group = f"Bake with seed {seed}"
        told = "epoch {} at weight {:g}".format(*found.chosen)
        best = "epoch {} at weight {:g}".format(*found.best)
        figures += [
            Figure(group, f"her traits in the proposed cell ({told})", found.scores[found.chosen]),
            Figure(group, f"in the best cell ({best})", found.scores[found.best]),
            Figure(group, "proposed, of the best", found.share, NEAR),
            Figure(group, "other tags obeyed in the proposed cell", found.obeyed[found.chosen]),
            Figure(group, "mean over all cells", sum(found.scores.values()) / len(found.scores)),
        ]
        for figure in figures[-5:]:
            logger.info("%s: %s %.1f", group, figure.name, figure.value)
    return figures


def judged_bake(folder: Path, seed: int, changes: Mapping[str, Any]) -> Judged:
    """Bake, measure, and judge every cell."""
    space = Workspace.open(folder / "workspace")
    recipe = load_recipe("practice", {"general.seed": seed, **changes})
    run = prepare_run(space, folder / "run", scan_dataset(SAMPLE_DIR), recipe, name=SAMPLE_TRIGGER)
    train(run, NoEvents())
    record = measure(ready(run, space), events=NoEvents())
    cells = [(epoch, weight) for epoch in record["epochs"] for weight in record["weights"]]
    scores, obeyed = judge_cells(run, cells)
    verdict = record["verdict"]
    return Judged(scores, obeyed, (verdict["epoch"], verdict["weight"]), record)


def ready(run: Run, space: Workspace) -> Path:
    """The job's folder of a measuring of six epochs by the usual weights."""
    asked = {"prompt": f"{SAMPLE_TRIGGER}, 1girl", "epochs": EPOCHS, "weights": WEIGHTS}
    return prepare_verdict(prepare_grid(run, from_mapping(GridRequest, asked)), space)


def judge_cells(
    run: Run, cells: Sequence[Cell], on_cell: Callable[[Cell], None] = lambda cell: None
) -> tuple[dict[Cell, float], dict[Cell, float]]:
    """(mean share of her traits, other tags obeyed) of each cell in percent: the same prompts and seeds,
    which no measuring uses."""
    people = [random_stranger(Random(f"verdict:{i}")) for i in range(PICTURES)]
    prompts = [", ".join(stranger_tags(person, SAMPLE_TRIGGER)) for person in people]
    files = {checkpoint.epoch: checkpoint.path for checkpoint in run.checkpoints()}
    scores, obeyed = {}, {}
    model = load_model(MODEL_DIR)
    with LoraSwitch(model) as switch:
        loaded = 0
        for cell in sorted(cells):
            if cell[0] != loaded:
                switch.load(files[cell[0]])
                loaded = cell[0]
            switch.set_weights([cell[1]])
            answers = load_judge().answers(paint(model, prompts, range(5000, 5000 + PICTURES)))
            seen = [answer[name] == "yes" for answer in answers for name in TRAITS]
            scores[cell] = share(seen)
            told = [agreement(people, answers, name) for name in OBEYED]
            obeyed[cell] = sum(told) / len(told)
            on_cell(cell)
    return scores, obeyed
