from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny import tiny_sdxl_folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SDXL model of random weights as a diffusers folder."""
    return tiny_sdxl_folder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session", autouse=True)
def _libraries_set_aside() -> Iterator[None]:
    """A bake collects garbage at its start; half a million objects of the libraries need no look each time."""
    import lorabake.train.loop  # noqa: F401 - with torch and what it needs
    import lorabake.train.oven  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
