"""The folder of a Space: what the Hub reads of it is valid, and lorabake is whole in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import space
import yaml

# huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("space") / "lorabake-demo"
    space.main([str(target)])
    return target


def test_front_matter(folder: Path) -> None:
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["sdk"] == "gradio"
    assert str(found["sdk_version"]).startswith("6.31")
    assert found["python_version"] == "3.12"
    assert (folder / found["app_file"]).is_file()
    assert {found["colorFrom"], found["colorTo"]} <= COLOURS
    assert len(found["short_description"]) <= 60
    assert found["license"] == "mit"
    assert text.strip().startswith("# lorabake")


def test_requirements_are_those_of_a_processor(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"--extra-index-url {space.WHEELS}"
    names = [line.partition(">")[0] for line in lines[1:]]
    assert {"torch", "onnxruntime", "Pillow", "diffusers"} <= set(names)
    assert not {"gradio", "bitsandbytes", "onnxruntime-gpu"} & set(names)
    assert len(names) == len(set(names))
    assert not any(";" in line or "#" in line for line in lines)


def test_lorabake_is_whole_in_it(folder: Path) -> None:
    assert not list(folder.rglob("__pycache__"))
    code = (
        "from lorabake.practice import SAMPLE_DIR; from lorabake.recipe.presets import preset_names;"
        "assert len(list(SAMPLE_DIR.rglob('*.png'))) == 24; assert 'practice' in preset_names();"
        "import lorabake, pathlib; print(pathlib.Path(lorabake.__file__).resolve())"
    )
    for command in (["-c", code], ["app.py", "--help"]):
        done = subprocess.run(
            [sys.executable, "-P", *command] if command[0] != "-c" else [sys.executable, *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if command[0] == "-c":
            assert Path(done.stdout.strip()).is_relative_to(folder.resolve())
        else:
            assert "--demo" in done.stdout


def test_what_is_there_is_not_written_over(folder: Path) -> None:
    with pytest.raises(SystemExit, match="not empty"):
        space.main([str(folder)])


def test_sizes_fit_the_hub(folder: Path) -> None:
    """Larger files would need Git LFS with a push by hand."""
    assert max(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 10_000_000
