"""The verb `models`, as a script would use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.shelves import VAE, safetensors, write

Lorabake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lorabake(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lorabake:
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))

    def call(*arguments: object, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lorabake", "models", *map(str, arguments)]
        return subprocess.run(
            command, input=said, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return call


def test_models_are_listed_for_scripts_and_for_people(lorabake: Lorabake, tmp_path: Path) -> None:
    path = write(tmp_path / "mine" / "fine.safetensors", safetensors(VAE))
    added = json.loads(lorabake("add-folder", path.parent, "--json").stdout)
    assert added == {"folders": [str(path.parent)]}
    answer = json.loads(lorabake("--json").stdout)
    (model,) = answer["models"]
    assert {"name", "kind", "family", "prediction", "path", "mib"} <= model.keys()
    assert (model["name"], model["kind"], model["path"]) == ("fine.safetensors", "vae", str(path))
    assert "illustrious-xl-v0.1" in {known["name"] for known in answer["known"]}
    text = lorabake("--refresh").stdout
    assert "fine.safetensors" in text
    assert "Fair AI Public License" in text
    assert json.loads(lorabake("remove-folder", path.parent, "--json").stdout) == {"folders": []}


def test_a_key_comes_from_standard_input(lorabake: Lorabake, tmp_path: Path) -> None:
    done = lorabake("key", "civitai", said="s3cr3t\n")
    assert done.returncode == 0
    assert "s3cr3t" not in done.stdout + done.stderr
    assert json.loads((tmp_path / "config" / "keys.json").read_text("utf-8")) == {
        "civitai": "s3cr3t"
    }
    assert lorabake("key", "civitai", "s3cr3t").returncode == 2, "never as an argument"


def test_what_cannot_be_had_is_one_sentence(lorabake: Lorabake) -> None:
    for name in ("no-such-model", "hf:org/repo/x.ckpt", "nai-anime-v1"):
        done = lorabake("get", name)
        assert done.returncode == 1
        assert done.stderr.startswith("lorabake: ")
        assert len(done.stderr.strip().splitlines()) == 1
