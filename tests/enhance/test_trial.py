"""A trial on a part of a picture: what it gives, what it costs, and that one can be ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lorabake.core.files import atomic_write_json, sha256_of
from lorabake.core.lock import MACHINE_LOCK_VARIABLE, machine_lock
from lorabake.core.workspace import Workspace
from lorabake.enhance import trial
from lorabake.enhance.estimate import pace_of
from lorabake.enhance.models import Upscaler, resolve_upscaler
from lorabake.enhance.trial import SIDE, Part, Trials, do_trial, part_at
from tests.enhance.models import drawing


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(drawing(260, 140)).save(path)
    return path


def asked(folder: Path, space: Workspace, upscaler: Upscaler, part: Part) -> Path:
    """A trial's folder as the page writes it."""
    folder.mkdir()
    record = {
        "workspace": str(space.root),
        "upscaler": str(upscaler.path),
        "name": upscaler.name,
        "picture": str(part.picture),
        "box": [part.left, part.top, part.width, part.height],
    }
    atomic_write_json(folder / "trial.json", record)
    return folder


def problem(folder: Path) -> str:
    return str(json.loads((folder / "result.json").read_text())["problem"])


@pytest.mark.parametrize(
    ("x", "y", "corner"), [(0.5, 0.5, (34, 0)), (0, 0, (0, 0)), (1, 1, (68, 0)), (9, -9, (68, 0))]
)
def test_a_part_lies_within_its_picture(x: float, y: float, corner: tuple[int, int]) -> None:
    part = part_at(Path("a.png"), "0" * 64, (260, 140), x, y)
    assert (part.left, part.top) == corner
    assert (part.width, part.height) == (SIDE, 140)


def test_a_trial_shows_the_part_and_how_long_a_picture_takes(
    space: Workspace, picture: Path, tmp_path: Path
) -> None:
    upscaler = resolve_upscaler(space, "2x-Tiny")
    part = part_at(picture, sha256_of(picture), (260, 140), 0.5, 0.5)
    folder = asked(tmp_path / "trial", space, upscaler, part)
    assert do_trial(folder) == 0
    assert problem(folder) == ""
    after = np.asarray(Image.open(folder / "after.png"))
    assert after.shape == (280, 2 * SIDE, 3)
    wanted = drawing(260, 140)[:, part.left : part.left + SIDE].repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(after.astype(int) - wanted).mean() < 15
    pace = pace_of(space, upscaler)
    assert pace is not None
    assert (pace.scale, pace.architecture) == (2, "ESRGAN")


def test_what_goes_wrong_is_a_sentence(
    space: Workspace, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upscaler = resolve_upscaler(space, "2x-Tiny")
    part = part_at(picture, "", (260, 140), 0.5, 0.5)
    monkeypatch.setenv(MACHINE_LOCK_VARIABLE, str(tmp_path / "heavy.lock"))
    heavy = machine_lock()
    assert heavy.acquire()
    folder = asked(tmp_path / "busy", space, upscaler, part)
    do_trial(folder)
    heavy.release()
    assert problem(folder) == "Something is baking now. Try it when that is done."
    Image.fromarray(drawing(90, 90)).save(picture)
    folder = asked(tmp_path / "changed", space, upscaler, part)
    do_trial(folder)
    assert "was changed since it was looked at" in problem(folder)
    upscaler.path.unlink()
    upscaler.path.write_bytes(b"<html>")
    folder = asked(tmp_path / "broken", space, upscaler, part)
    do_trial(folder)
    assert "web page" in problem(folder)


def test_the_page_starts_one_at_a_time_and_ends_it(
    space: Workspace, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upscaler = resolve_upscaler(space, "1x_Tiny_Refocus")
    trials = Trials(space)
    first, second = (part_at(picture, "a" * 64, (260, 140), x, 0.5) for x in (0.0, 1.0))
    monkeypatch.setattr(trial.sys, "executable", "/bin/sleep")  # one that takes long …
    assert trials.known(upscaler, first) is None
    trials.begin(upscaler, first)
    end = time.monotonic() + 20
    while trials.running:  # … but not these arguments: it leaves at once, without a word
        assert time.monotonic() < end
        time.sleep(0.01)
    known = trials.known(upscaler, first)
    assert known is not None
    assert known.after is None
    assert "ended without a word" in known.problem
    trials.forget(upscaler, first)
    assert trials.known(upscaler, first) is None
    monkeypatch.undo()
    trials.begin(upscaler, first)
    assert trials.is_running(upscaler, first)
    trials.begin(upscaler, second)
    assert not trials.is_running(upscaler, first)
    assert trials.known(upscaler, first) is None, "one that was ended leaves nothing"
    trials.end()
    assert not trials.running
    assert trials.known(upscaler, second) is None
