"""The headless door, as a script would use it: real processes, the shipped practice model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lorabake.engine.lora_file import inspect_lora
from tests.bakes import draw_dataset

SHORT = ["--set", "epochs=2", "--set", "unet_lr=1e-3"]


@pytest.fixture
def lorabake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`lorabake VERB … --json` in a process of its own; returns its answer."""
    monkeypatch.setenv("LORABAKE_WORKSPACE", str(tmp_path / "workspace"))

    def call(*arguments: object) -> dict[str, Any]:
        command = [sys.executable, "-m", "lorabake", *map(str, arguments), "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.strip().splitlines()) == 1, "stdout must be one JSON object"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return call


def test_from_the_sample_to_a_grid(tmp_path: Path, lorabake: Any) -> None:
    """The road of the README without the page."""
    images = lorabake("sample", tmp_path / "sample")["images"]
    assert len(images) == 24
    assert all(Path(image).with_suffix(".txt").exists() for image in images)

    plan = lorabake("plan", tmp_path / "sample", *SHORT)
    assert plan["T"] == plan["seen_per_epoch"]
    assert plan["images"] == 24
    assert len(plan["learning_rates"]["unet"]) == plan["total_steps"]

    baked = lorabake(
        "train", tmp_path / "sample", *SHORT, "--name", "ohwx", "--out", tmp_path / "run"
    )
    assert baked["steps"] == plan["total_steps"]
    assert [Path(c["path"]).name for c in baked["checkpoints"]] == [
        "ohwx-01.safetensors",
        "ohwx-02.safetensors",
    ]

    about = lorabake("inspect", baked["checkpoints"][-1]["path"])
    assert about["family"] == "sdxl"
    assert about["finite"]
    assert about["norm"] > 0
    assert about["metadata"]["ss_output_name"] == "ohwx"
    assert about["hashes"]["matches"]

    grid = lorabake(
        "grid", tmp_path / "run", "--prompt", "ohwx, 1girl", "--epochs", "1-2", "--weights", "0.5-1.0 (+0.5)",
        "--steps", 4, "--measure",
    )  # fmt: skip
    assert [(cell["epoch"], cell["weight"]) for cell in grid["cells"]] == [
        (1, 0.5),
        (1, 1),
        (2, 0.5),
        (2, 1),
    ]
    with Image.open(grid["sheet"]) as sheet, Image.open(grid["cells"][0]["path"]) as cell:
        assert "X/Y/Z plot" in sheet.info["parameters"]
        assert "<lora:ohwx-01:0.5>" in cell.info["parameters"]
        assert cell.size == (64, 64)

    # two short epochs: what is proposed is one of the cells, and says what it rests on
    verdict, measures = grid["verdict"], grid["measures"]
    assert verdict["epoch"] in (1, 2)
    assert verdict["weight"] in (0.5, 1)
    assert f"poch {verdict['epoch']} at weight {verdict['weight']:.1f}" in verdict["why"]
    assert (measures["epochs"], measures["weights"], measures["tagger"]) == (
        [1, 2],
        [0.5, 1],
        "practice",
    )
    assert {"striped scarf", "star hair ornament"} <= set(measures["telling"])
    assert {"loss", "likeness", "saturation", "variety", "drift", "score"} <= measures.keys()
    assert not measures["held_out"]
    assert any("memory" in hint["text"] for hint in grid["hints"])
    assert measures["loss"][1][1] < measures["loss"][0][0]  # more of what was learned longer


def test_ordinary_pictures_of_mixed_sizes(tmp_path: Path, lorabake: Any) -> None:
    """A folder as people have it: tall, wide and large pictures, two concepts with their repeats."""
    draw_dataset(tmp_path / "mine", [(832, 1216), (1000, 700), (512, 512), (300, 900)], "2_zetadef")
    draw_dataset(tmp_path / "mine", [(640, 480), (900, 900)], "3_zetasummer")
    plan = lorabake("plan", tmp_path / "mine", *SHORT)
    assert plan["T"] == 4 * 2 + 2 * 3
    assert len(plan["buckets"]) > 2
    baked = lorabake(
        "train", tmp_path / "mine", *SHORT, "--name", "zeta", "--out", tmp_path / "run"
    )
    assert baked["steps"] == plan["total_steps"]
    about = inspect_lora(Path(baked["checkpoints"][-1]["path"]))
    folders = json.loads(about["metadata"]["ss_dataset_dirs"])
    assert folders == {
        "2_zetadef": {"n_repeats": 2, "img_count": 4},
        "3_zetasummer": {"n_repeats": 3, "img_count": 2},
    }
    assert about["metadata"]["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path, lorabake: Any) -> None:
    import os
    import signal
    import time

    if os.name == "nt":
        pytest.skip("Ctrl+C cannot be sent to one process on Windows")
    lorabake("sample", tmp_path / "sample")
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "lorabake",
        "train",
        str(tmp_path / "sample"),
        *SHORT,
        "--out",
        str(out),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    events = out / "events.jsonl"
    until = time.monotonic() + 300
    while not (events.exists() and '"step"' in events.read_text(encoding="utf-8")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "can be resumed" in told
    assert "Traceback" not in told
    baked = lorabake("train", tmp_path / "sample", "--out", out, "--resume")
    assert len(baked["checkpoints"]) == 2


def test_doctor_answers_with_what_a_script_needs(lorabake: Any) -> None:
    found = lorabake("doctor")
    assert found["ok"] is True
    assert {"device", "torch", "problems"} <= found.keys()
