"""What only a graphics card can show: `pytest -m gpu`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.train.loop import train
from lorabake.train.oven import Oven
from tests.bakes import Recorded, bake, prepare
from tests.tiny import tiny_sdxl_folder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl_folder(tmp_path_factory.mktemp("gpu"))


@pytest.mark.parametrize("precision", ["bf16", "fp16", "no"])
@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit", "came"])
def test_it_bakes_in_every_precision(
    tmp_path: Path, base: Path, precision: str, optimizer: str
) -> None:
    changes = {
        "optimizer.type": optimizer,
        "mixed_precision": precision,
        "gradient_checkpointing": True,
    }
    _, result, events = bake(tmp_path, base, **changes)
    assert len(result.checkpoints) == 3
    assert all(event["loss"] < 10 for event in events.of("step"))


def test_memory_that_runs_out_once_changes_nothing(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is done again in two parts, and said."""
    run = prepare(tmp_path, base, epochs=1, batch_size=4, sizes=[(32, 32)] * 4)
    original = Oven._losses

    def too_much(oven: Oven, batch: Any, slots: range) -> torch.Tensor:
        if len(slots) > 2:
            raise torch.OutOfMemoryError
        return original(oven, batch, slots)

    monkeypatch.setattr(Oven, "_losses", too_much)
    events = Recorded()
    train(run, events)
    assert "2 parts" in events.of("note")[0]["text"]
