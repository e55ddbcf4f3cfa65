"""A workspace with tiny upscalers, and pictures to improve."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.workspace import Project, Workspace
from tests.enhance.models import drawing, save_pth, save_safetensors, tiny_esrgan


@pytest.fixture(scope="session")
def esrgans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """name → file: random networks that give back about what they get, at 1, 2 and 4 times."""
    home = tmp_path_factory.mktemp("upscalers")
    return {
        "1x": save_pth(tiny_esrgan(1), home / "1x_Tiny_Refocus.pth"),
        "2x": save_safetensors(tiny_esrgan(2), home / "2x-Tiny.safetensors"),
        "4x": save_pth(tiny_esrgan(4), home / "4x-Tiny.pth"),
    }


@pytest.fixture
def space(workspace: Path, esrgans: dict[str, Path]) -> Workspace:
    opened = Workspace.open(workspace)
    folder = opened.models_dir / "upscalers"
    folder.mkdir(parents=True)
    for path in esrgans.values():
        (folder / path.name).hardlink_to(path)
    return opened


@pytest.fixture
def project(space: Workspace) -> Project:
    """`kafka` with four pictures of 96 × 128 px and their captions."""
    home = space.create_project("kafka")
    for number in range(4):
        write(home.dataset_dir / "3_kafka" / f"{number}.png", drawing(96, 128, seed=number))
    return home


def write(path: Path, pixels, caption: str = "kafka, solo, smile") -> Path:  # type: ignore[no-untyped-def]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path
