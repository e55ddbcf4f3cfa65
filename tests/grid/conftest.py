"""A run that looks baked: three epochs of random LoRAs on the tiny model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from lorabake.core.run import Run
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.lora_file import save_lora
from lorabake.engine.networks import attach
from lorabake.engine.networks.settings import NetworkSettings
from tests.bakes import prepare
from tests.tiny import tiny_sdxl_folder

NOTES = {
    "ss_bucket_info": '{"buckets": {"0": {"resolution": [32, 48], "count": 5},'
    ' "1": {"resolution": [32, 32], "count": 2}}}'
}


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    base = tiny_sdxl_folder(tmp_path_factory.mktemp("base"))
    run = prepare(tmp_path_factory.mktemp("baked"), base)
    model = load_model(base)
    network = attach(model, NetworkSettings(network_dim=4, network_alpha=4, conv_dim=2), 1)
    for epoch in (1, 2, 3):
        generator = torch.Generator().manual_seed(epoch)
        with torch.no_grad():
            for layer in network.layers.values():
                layer.up.copy_(torch.randn(layer.up.shape, generator=generator) * 0.4)
        path = run.folder / f"tiny-{epoch:02d}.safetensors"
        save_lora(path, network.file_state(), NOTES)
    return run


@pytest.fixture
def run(baked: Run, tmp_path: Path) -> Run:
    """A copy that a test may do anything to."""
    return Run(Path(shutil.copytree(baked.folder, tmp_path / "tiny")))
