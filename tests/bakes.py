"""Small real bakes for tests: a folder of pictures, a tiny model, a recipe, a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from lorabake.core.dataset import scan_dataset
from lorabake.core.run import Run
from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import load_recipe
from lorabake.train.loop import TrainResult, train
from lorabake.train.prepare import prepare_run

TINY = {
    "resolution": 32,
    "epochs": 3,
    "batch_size": 2,
    "max_token_length": 75,
    "mixed_precision": "no",
    "gradient_checkpointing": False,
    "network_dim": 4,
    "network_alpha": 2,
    "min_bucket_reso": 16,
    "max_bucket_reso": 64,
    "bucket_reso_steps": 16,
    "unet_lr": 1e-2,
    "text_encoder_lr": 1e-3,
}


class Recorded:
    """Events of a bake, kept in memory."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def write(self, type: str, **data: Any) -> None:
        self.all.append({"type": type, **data})

    def of(self, type: str) -> list[dict[str, Any]]:
        return [event for event in self.all if event["type"] == type]


def draw_dataset(folder: Path, sizes: list[tuple[int, int]], name: str = "2_ohwx") -> Path:
    """Pictures of the given sizes with captions, in a concept folder; returns its parent."""
    concept = folder / name
    concept.mkdir(parents=True, exist_ok=True)
    for number, (width, height) in enumerate(sizes, 1):
        picture = Image.new("RGB", (width, height), (40 * number % 255, 90, 200 - 10 * number))
        pen = ImageDraw.Draw(picture)
        pen.ellipse(
            (width // 4, height // 4, width * 3 // 4, height * 3 // 4),
            fill=(250, 200, 30 * number % 255),
        )
        picture.save(concept / f"{number:02d}.png")
        (concept / f"{number:02d}.txt").write_text(
            f"ohwx, {number}girls, smile, hat", encoding="utf-8"
        )
    return folder


def prepare(
    tmp_path: Path,
    base: Path,
    *,
    name: str = "tiny",
    sizes: list[tuple[int, int]] | None = None,
    **changes: Any,
) -> Run:
    """A run folder for a tiny bake; `changes` are settings of the recipe."""
    workspace = Workspace.open(tmp_path / "workspace")
    data = draw_dataset(
        tmp_path / "data", sizes or [(32, 32), (40, 40), (32, 64), (30, 50), (64, 32)]
    )
    recipe = load_recipe("pdxl", {"model.base": str(base)} | TINY | changes)
    return prepare_run(
        workspace, tmp_path / name, scan_dataset(data), recipe, name=name, paths_allowed=True
    )


def bake(tmp_path: Path, base: Path, **changes: Any) -> tuple[Run, TrainResult, Recorded]:
    """Prepare and train a tiny bake in this process."""
    run = prepare(tmp_path, base, **changes)
    events = Recorded()
    return run, train(run, events), events
