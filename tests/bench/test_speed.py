"""The promises of docs/performance.md, as ratios within one run. Takes minutes: `-m slow`."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.recipe.models import SHIPPED
from tests.bench.grids import grid_and_bare
from tests.bench.speed import training

pytestmark = pytest.mark.slow


def test_a_training_step_costs_little_more_than_the_bare_model(tmp_path: Path) -> None:
    ours, bare = training(SHIPPED["practice"], tmp_path)
    assert ours / bare <= 1.15


def test_a_grid_costs_little_more_than_bare_sampling(tmp_path: Path) -> None:
    cell, bare, _ = grid_and_bare(SHIPPED["practice"], tmp_path)
    assert cell / bare <= 1.1
