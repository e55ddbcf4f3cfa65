"""`plan --json` prints the learning rate of every step, and a bake then learns with these."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.presets import load_recipe, recipe_to_toml
from lorabake.train.loop import train
from tests.bakes import TINY, Recorded, prepare
from tests.tiny import tiny_sd15_folder, tiny_sd15_single_file

torch.set_num_threads(1)
GROUPS = {"unet": "unet", "text_encoder": "text_encoder_1", "text_encoder_2": "text_encoder_2"}


def planned(data: Path, recipe: Path) -> dict[str, list[float]]:
    command = [
        sys.executable,
        "-m",
        "lorabake",
        "plan",
        str(data),
        "--recipe",
        str(recipe),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rates: dict[str, list[float]] = json.loads(done.stdout)["learning_rates"]
    return rates


def logged(events: Recorded) -> dict[str, list[float]]:
    return {
        ours: [step["lr"][theirs] for step in events.of("step") if theirs in step["lr"]]
        for ours, theirs in GROUPS.items()
    }


@pytest.mark.parametrize("schedule", SCHEDULES.names)
def test_the_printed_rates_are_the_ones_learned_with(
    schedule: str, tmp_path: Path, tiny_base: Path
) -> None:
    changes = {
        "lr_scheduler": schedule,
        "lr_scheduler_num_cycles": 2,
        "lr_scheduler_power": 2,
        "warmup_ratio": 0.2,
        "text_encoder_2_lr": 5e-4,
    }
    run = prepare(tmp_path, tiny_base, **changes)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_to_toml(load_recipe("pdxl", TINY | changes)), encoding="utf-8")
    events = Recorded()
    train(run, events)
    rates = planned(tmp_path / "data", recipe)
    assert rates == logged(events)
    assert len(rates["unet"]) == 15
    assert rates["text_encoder"] != rates["text_encoder_2"]


def test_sd15_has_one_text_encoder(tmp_path: Path) -> None:
    run = prepare(tmp_path, tiny_sd15_folder(tmp_path), bucket_reso_steps=16)
    events = Recorded()
    train(run, events)
    assert set(events.of("step")[0]["lr"]) == {"unet", "text_encoder_1"}


def test_the_file_says_what_was_trained_on(tmp_path: Path) -> None:
    base = tiny_sd15_single_file(tmp_path, **{"modelspec.prediction_type": "v"})
    run = prepare(tmp_path, base, epochs=1)
    train(run, Recorded())
    notes = read_header(run.checkpoints()[-1].path).metadata
    assert notes["ss_base_model_version"] == "sd_v1"
    assert notes["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert notes["modelspec.prediction_type"] == "v"
