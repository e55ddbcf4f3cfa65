"""The verb `enhance`, as a script would use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lorabake.core.history import open_history
from tests.enhance.models import drawing, save_pth, tiny_esrgan

Done = subprocess.CompletedProcess[str]
Lorabake = Callable[..., Done]


@pytest.fixture
def lorabake(workspace: Path) -> Lorabake:
    def call(*arguments: object) -> Done:
        command = [sys.executable, "-m", "lorabake", "enhance", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return call


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    folder = root / "3_kafka"
    folder.mkdir(parents=True)
    Image.fromarray(drawing(96, 128, seed=1)).save(folder / "small.png")
    Image.fromarray(drawing(320, 320, seed=2)).save(folder / "large.png")
    (folder / "bad.png").write_bytes(b"<html>")
    for name in ("small", "large"):
        (folder / f"{name}.txt").write_text("kafka", encoding="utf-8")
    return root


def answer(done: Done) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_needed_ones_are_enlarged_and_the_bad_one_is_named(lorabake, pictures):
    small = pictures / "3_kafka" / "small.png"
    before = small.read_bytes()
    told = answer(lorabake(pictures, "--resolution", 256, "--json"))
    assert told["written"] == [str(small)]
    assert told["unchanged"] == 1
    assert told["skipped"] == []
    ((bad,),) = (told["unreadable"],)
    assert bad["path"].endswith("bad.png")
    assert "web page" in bad["reason"]
    width, height = Image.open(small).size
    assert width * height >= 256 * 192
    again = lorabake(pictures, "--resolution", 256)
    assert again.returncode == 0, again.stderr
    assert "Nothing was changed: the pictures are good as they are." in again.stdout
    open_history(pictures).undo()
    assert small.read_bytes() == before


def test_a_model_by_its_file_with_all_that_is_asked(lorabake, pictures, tmp_path):
    """The guide's "Resize 1", half of the model, and contrast."""
    model = save_pth(tiny_esrgan(1), tmp_path / "1x_Tiny.pth")
    done = lorabake(
        pictures, "--upscaler", model, "--scale", 1, "--strength", 0.5, "--contrast", "--json"
    )
    told = answer(done)
    assert len(told["written"]) == 2
    assert "1x_Tiny.pth: ESRGAN, 1x, on" in done.stderr
    assert "2 pictures: about" in done.stderr, "before it begins"
    assert Image.open(pictures / "3_kafka" / "large.png").size == (320, 320)
    assert open_history(pictures).operations()[0].title == "Upscale 2 pictures, with contrast"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--upscaler", "off"], "Nothing is asked for"),
        (["--upscaler", "no-such-model"], "There is no upscaler no-such-model"),
        (["--scale", "99"], "Resize"),
        (["--strength", "2"], "Strength"),
        (["--which", "some"], "--which is all or needed"),
        (["--set", "nonsense"], "KEY=VALUE"),
        (["--set", "clipp=1"], "clip"),
    ],
)
def test_what_cannot_be_is_one_sentence(lorabake, pictures, arguments, said):
    done = lorabake(pictures, *arguments)
    assert done.returncode not in (0, 70)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_is_said(lorabake, tmp_path):
    done = lorabake(tmp_path / "nowhere")
    assert done.returncode == 1
    assert "There is no folder" in done.stderr


def test_ctrl_c_keeps_what_is_ready(workspace, tmp_path):
    root = tmp_path / "many"
    (root / "1_a").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    for number in range(12):
        Image.fromarray(np.roll(noise, number, axis=0)).save(root / "1_a" / f"{number}.png")
    command = [sys.executable, "-m", "lorabake", "enhance", str(root), "--scale", "2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while len(list(root.glob(".made/*/*.png"))) < 2:
        assert time.monotonic() < end
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert "Press Ctrl+C again to leave at once" in said
    assert "pictures were ready and are kept" in said
    large = [path for path in (root / "1_a").iterdir() if Image.open(path).size == (1200, 1200)]
    assert 2 <= len(large) < 12
    open_history(root).undo()
    assert {Image.open(path).size for path in (root / "1_a").iterdir()} == {(600, 600)}
