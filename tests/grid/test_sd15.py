"""Grids of SD 1.5: clip skip is the recipe's, and pictures say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.lora_file import save_lora
from lorabake.engine.networks import attach
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.grid.batches import batches_of, painting_of
from lorabake.grid.infotext import MadeBy, infotext
from lorabake.grid.painter import Painter
from lorabake.grid.shot import Shot
from tests.tiny import tiny_sd15_folder

SHOT = Shot(
    prompt="1girl",
    negative="blurry",
    seed=1,
    steps=3,
    cfg=5.0,
    sampler="Euler a",
    width=32,
    height=48,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(tiny_sd15_folder(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def lora(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = attach(model, NetworkSettings(network_dim=4, network_alpha=4, conv_dim=2), 1)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3, generator=generator)
    path = tmp_path_factory.mktemp("lora") / "x-01.safetensors"
    save_lora(path, network.file_state(torch.float32), {})
    network.detach()
    return path


def painted(model: Model, lora: Path, skip: int, together: int = 2) -> torch.Tensor:
    shots = [replace(SHOT, prompt=f"<lora:x-01:{w}> 1girl", clip_skip=skip) for w in (0.5, 1.0)]
    (batch,) = batches_of(map(painting_of, shots))
    painter = Painter(model, {"x-01": lora}, print, together=together)
    try:
        return torch.stack(painter.paint(batch, lambda step, steps: None))
    finally:
        painter.close()


def test_a_row_of_sd15(model: Model, lora: Path) -> None:
    row = painted(model, lora, skip=2)
    assert row.shape == (2, 3, 48, 32)
    assert (row[0] - row[1]).abs().max() > 0.01  # the weight counts
    assert (row - painted(model, lora, skip=2, together=1)).abs().max() < 1e-4
    assert (row - painted(model, lora, skip=1)).abs().max() > 1e-3  # and so does clip skip


def test_clip_skip_is_written_as_web_uis_do() -> None:
    by = MadeBy("nai", "ab" * 32)
    assert ", Clip skip: 2, " in infotext(replace(SHOT, clip_skip=2), by, {})
    assert "Clip skip" not in infotext(SHOT, by, {})
