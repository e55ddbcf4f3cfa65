"""The time a bake will take is that of earlier bakes on this computer, or not known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.events import EventWriter
from lorabake.core.run import Run
from lorabake.recipe.presets import load_recipe, recipe_to_toml
from lorabake.train.pace import measured_pace


def baked(
    folder: Path, seconds: list[float], day: int, preset: str = "pdxl", **changes: Any
) -> Run:
    """A run folder as a bake of such steps leaves it."""
    folder.mkdir()
    run = Run(folder)
    run.recipe_path.write_text(recipe_to_toml(load_recipe(preset, changes)), encoding="utf-8")
    with EventWriter(run.events_path) as events:
        for step, one in enumerate(seconds, 1):
            events.write("step", step=step, epoch=1, loss=0.1, seconds=one)
    os.utime(run.events_path, (day, day))
    return run


def test_the_newest_bake_of_the_same_kind_counts(tmp_path: Path) -> None:
    runs = [
        baked(tmp_path / "old", [9.0] * 5, 1),
        baked(tmp_path / "kafka", [30.0, 2.0, 2.2, 2.1, 2.0], 2),
        baked(tmp_path / "small", [0.5] * 5, 3, resolution=512),
        baked(tmp_path / "nai", [0.4] * 5, 4, "nai15"),
        baked(tmp_path / "cut-off", [1.0, 1.0], 5),
        Run(tmp_path / "nothing"),
    ]
    pace = measured_pace(runs, load_recipe("pdxl"))
    assert pace is not None
    assert pace.run == "kafka", "not the oldest, of another size or model, or hardly begun"
    assert pace.seconds_per_step(load_recipe("pdxl")) == pytest.approx(2.1)
    four = load_recipe("pdxl", {"batch_size": 4, "gradient_accumulation_steps": 2})
    assert pace.seconds_per_step(four) == pytest.approx(8.4)
    assert measured_pace(runs, load_recipe("pdxl", {"resolution": 768})) is None
    (tmp_path / "kafka" / "recipe.toml").write_text("no = = recipe", encoding="utf-8")
    os.utime(tmp_path / "kafka" / "events.jsonl", (6, 6))
    again = measured_pace(runs, load_recipe("pdxl"))
    assert again is not None
    assert again.run == "old"
