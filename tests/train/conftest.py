from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_sdxl_folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SDXL model of random weights as a diffusers folder."""
    return tiny_sdxl_folder(tmp_path_factory.mktemp("base"))
