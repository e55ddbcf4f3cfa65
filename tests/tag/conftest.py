"""A workspace with a tiny tagger on its shelf, and a folder of coloured pictures."""

from pathlib import Path

import pytest

from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.workspace import Workspace
from tests.tag.models import write_picture, write_tagger


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace.open(tmp_path / "workspace")
    write_tagger(space.models_dir / "colours")
    return space


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    write_picture(root / "3_kafka" / "red.png", (250, 5, 5), "kafka, red theme, my own tag")
    write_picture(root / "3_kafka" / "green.png", (5, 250, 5), "")
    write_picture(root / "3_kafka" / "blue.png", (5, 5, 250))
    write_picture(root / "1_himeko" / "red.png", (240, 30, 5), "himeko")
    return root


@pytest.fixture
def dataset(workspace: Workspace, pictures: Path) -> Dataset:
    return scan_dataset(pictures, index=workspace.index)
