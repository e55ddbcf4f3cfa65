"""The verb `tag`, as a script would use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabake.practice import SAMPLE_DIR, SAMPLE_TRIGGER
from tests.tag.models import write_picture, write_tagger
from tests.verbs import refused

Lorabake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lorabake(workspace: Path) -> Lorabake:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lorabake", "tag", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return call


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    return write_tagger(tmp_path / "tagger")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    write_picture(root / "3_kafka" / "red.png", (250, 5, 5), "kafka, my own")
    write_picture(root / "3_kafka" / "blue.png", (5, 5, 250))
    return root


def answer(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def captions(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in root.rglob("*.txt")}


def test_a_dry_run_says_what_would_be_written(lorabake, pictures, tagger):
    told = answer(lorabake(pictures, "--tagger", tagger, "--dry-run", "--json"))
    assert {"images", "written"} <= told.keys()
    blue, red = sorted(told["images"], key=lambda image: image["path"])
    assert red["path"] == str(pictures / "3_kafka" / "red.png")
    assert red["tags"] == ["kafka", "my own", "red theme", "^_^", "smile (object)"]
    assert red["probabilities"]["red theme"] > 0.9
    assert blue["tags"][:1] == ["blue theme"]
    assert (told["written"], told["would_write"]) == (0, 2)
    assert captions(pictures) == {"red": "kafka, my own"}


def test_captions_are_written_once(lorabake, pictures, tagger):
    asked = (pictures, "--tagger", tagger, "--threshold", "0.5", "--character-threshold", "1")
    asked = (*asked, "--merge", "append", "--json")
    told = answer(lorabake(*asked))
    assert (told["written"], told["scored"]) == (2, 2)
    assert captions(pictures) == {"red": "kafka, my own, red theme, ^_^", "blue": "blue theme, ^_^"}
    again = answer(lorabake(*asked))
    assert (again["written"], again["scored"], again["would_write"]) == (0, 0, 0)


def test_settings_of_every_kind(lorabake, pictures, tagger):
    told = answer(
        lorabake(
            *(pictures, "--tagger", tagger, "--merge", "replace", "--exclude", "^_^"),
            *("--tag-threshold", "smile_(object)=0.9", "--character-threshold", "0.3"),
            *("--set", "rating=first", "--set", "escape_brackets=true", "--dry-run", "--json"),
        )
    )
    tags = {Path(image["path"]).stem: image["tags"] for image in told["images"]}
    assert tags["blue"] == ["general", "blue theme", r"kafka \(honkai: star rail\)"]
    assert tags["red"] == ["kafka", "explicit", "red theme"]


def test_the_practice_tagger_needs_nothing_else(lorabake, tmp_path):
    """On a fresh computer, without a network: the sample's pictures are tagged, the trigger stays."""
    import shutil

    shutil.copytree(SAMPLE_DIR, tmp_path / "sample")
    done = lorabake(tmp_path / "sample", "--merge", "replace")
    assert done.returncode == 0, done.stderr
    assert "Wrote" in done.stdout
    written = captions(tmp_path / "sample")
    assert len(written) == 24
    assert all(text.startswith(f"{SAMPLE_TRIGGER}, ") for text in written.values())
    assert all("1girl" in text for text in written.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tagger", "eva02-large"], "models get wd-eva02-large-tagger-v3"),
        (["--tagger", "nobody"], "no tagger called 'nobody'"),
        (["--tagger", "some/folder"], "is no tagger"),
        (["--threshold", "7"], "wants a number from 0.05 to 1"),
        (["--merge", "mix"], "There are: union, append"),
        (["--tag-threshold", "smile"], "--tag-threshold smile=0.6"),
        (["--tag-threshold", "smile=high"], "threshold of smile"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--extension", ".exe"], "Captions end with .txt or .caption"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    workspace, pictures, arguments, sentence, monkeypatch, capsys
):
    code, told = refused(("tag", pictures, *arguments), monkeypatch, capsys)
    assert code == 1
    assert told.splitlines()[-1].startswith("lorabake: ")
    assert sentence in told
    assert captions(pictures) == {"red": "kafka, my own"}


def test_a_folder_without_pictures_is_told(workspace, tmp_path, tagger, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    for name, says in (("empty", "no pictures to tag"), ("nowhere", "There is no folder")):
        asked = ("tag", tmp_path / name, "--tagger", tagger)
        code, told = refused(asked, monkeypatch, capsys)
        assert code == 1
        assert says in told
