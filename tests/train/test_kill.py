"""A bake in its own process, killed for real, goes on to the bytes of one that was left in peace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lorabake.core.events import read_events
from lorabake.core.run import Run
from lorabake.train.loop import train
from tests.bakes import Recorded, prepare

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="SIGKILL is a signal of POSIX systems"
)


def start(run: Run) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "LORABAKE_MACHINE_LOCK": str(run.folder / "machine.lock")}
    return subprocess.Popen(
        [sys.executable, "-m", "lorabake.train", str(run.folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def steps_done(run: Run) -> int:
    events, _ = read_events(run.events_path) if run.events_path.exists() else ([], 0)
    return max((event.data["step"] for event in events if event.type == "step"), default=0)


def kill_after(run: Run, step: int) -> None:
    process = start(run)
    until = time.monotonic() + 300
    while steps_done(run) < step and process.poll() is None:
        assert time.monotonic() < until, "the bake does not get on"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


RECIPES: dict[str, dict[str, Any]] = {
    "the guide's": {"ip_noise_gamma": 0.05},
    "GLoRA, Prodigy, Huber": {
        "network.type": "glora",
        "optimizer.type": "prodigy",
        "loss_type": "huber",
        "multires_noise_iterations": 4,
        "flip_aug": True,
        "unet_lr": 1,
        "text_encoder_lr": 1,
    },
    "DoRA, schedule-free, EMA": {
        "network.type": "locon",
        "dora": True,
        "rank_dropout": 0.2,
        "optimizer.type": "adamw_schedulefree",
        "loss_type": "smooth_l1",
        "ema": True,
        "validation_split": 0.2,
    },
}


@pytest.mark.parametrize(
    "recipe",
    # The others lose power in test_options.py every time, and are really killed when asked for.
    [
        name if name == "the guide's" else pytest.param(name, marks=pytest.mark.slow)
        for name in RECIPES
    ],
)
def test_two_kills_and_the_same_bytes(recipe: str, tmp_path: Path, tiny_base: Path) -> None:
    changes = RECIPES[recipe]
    runs = {}
    for name in ("uncut", "killed"):
        runs[name] = prepare(tmp_path / name, tiny_base, epochs=8, **changes)
    train(runs["uncut"], Recorded())
    kill_after(runs["killed"], 6)
    assert runs["killed"].status().state == "interrupted"
    kill_after(runs["killed"], 14)
    assert start(runs["killed"]).wait() == 0
    assert runs["killed"].status().state == "finished"
    uncut, killed = (
        [load_file(path) for path in sorted(runs[name].folder.glob("*.safetensors"))]
        for name in ("uncut", "killed")
    )
    assert len(uncut) == len(killed) == (16 if changes.get("ema") else 8)
    for one, other in zip(uncut, killed, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
