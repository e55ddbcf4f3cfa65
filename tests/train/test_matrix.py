"""Every kind of network on both families with the guide's optimizers: learns, is saved, draws the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.lora_file import save_lora
from lorabake.engine.networks import attach
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import epoch_batches, train_images
from lorabake.train.latents import LatentCache
from lorabake.train.oven import Oven
from lorabake.train.prepare import load_setup
from tests.bakes import TINY, prepare
from tests.tiny import tiny_sd15_single_file, tiny_sdxl_single_file

torch.set_num_threads(1)

STEPS = 16
NETWORKS: dict[str, dict[str, Any]] = {
    "lora": {"network.type": "lora"},
    "locon": {"network.type": "locon", "conv_dim": 4},
    "dora": {"network.type": "lora", "dora": True},
    "dora-locon": {"network.type": "locon", "conv_dim": 4, "dora": True},
    "loha": {"network.type": "loha"},
    "lokr": {"network.type": "lokr"},
    "glora": {"network.type": "glora"},
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"unet_lr": 5e-3, "text_encoder_lr": 1e-3},
    "came": {"unet_lr": 5e-3, "text_encoder_lr": 1e-3},
    # d0: on so few steps the estimate of the rate would hardly begin to grow
    "prodigy": {"unet_lr": 1, "text_encoder_lr": 1, "optimizer.args.d0": 1e-3},
}
WRITERS = {"sdxl": tiny_sdxl_single_file, "sd15": tiny_sd15_single_file}


@pytest.fixture(scope="module", params=sorted(WRITERS))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param))


@torch.no_grad()
def prediction(model: Model) -> torch.Tensor:
    """What the model says to fixed noise: (1, 4, 8, 8)."""
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    conditioning = model.encode_prompts(["ohwx, smile"], 75)
    time_ids = model.time_ids([(32, 32)], [(0, 0)], [(32, 32)])
    return model.predict(noisy, torch.tensor([300]), conditioning, time_ids)


def combinations() -> list[Any]:
    """Every network with the guide's CAME and every optimizer with LoRA; the others when asked for."""
    return [
        pytest.param(
            network,
            optimizer,
            marks=() if network == "lora" or optimizer == "came" else pytest.mark.slow,
        )
        for network in NETWORKS
        for optimizer in OPTIMIZERS
    ]


@pytest.mark.parametrize(("network", "optimizer"), combinations())
def test_it_learns_and_its_file_draws_the_same(
    network: str, optimizer: str, base: Path, tmp_path: Path
) -> None:
    changes = {"optimizer.type": optimizer} | NETWORKS[network] | OPTIMIZERS[optimizer]
    setup = load_setup(prepare(tmp_path, base, sizes=[(32, 32)], **changes))
    recipe = replace(
        setup.recipe, optimizer=replace(setup.recipe.optimizer, lr_scheduler="constant")
    )
    model = load_model(base)
    images = train_images(setup.dataset, recipe)
    latents = LatentCache(None, model, recipe)
    latents.fill(images, lambda *_: None, lambda: False)
    net = attach(model, recipe.network, recipe.general.seed)
    oven = Oven(model, net, recipe, latents, STEPS)
    # always the same batch, with the same noise: a task that anything can learn by heart
    batch = epoch_batches(images, epoch=1, batch_size=2, seed=1)[0]

    untouched = prediction(model)
    losses = [sum(oven.step(step, [batch]).losses) for step in range(STEPS)]
    assert losses[-1] < 0.99 * losses[0], losses

    with oven.at_rest():
        trained = prediction(model)
        assert (trained - untouched).abs().max() > 1e-4
        saved = save_lora(tmp_path / "it.safetensors", net.file_state(torch.float32), {})
    assert saved.norm > 0
    assert not saved.warning

    fresh = load_model(base)
    with LoraSwitch(fresh) as switch:
        switch.load(saved.path)
        switch.set_weights([1.0])
        switch.set_prompt_weight(1.0)
        with torch.inference_mode():
            rendered = prediction(fresh)
    assert (rendered - trained).norm() <= 1e-3 * (trained - untouched).norm()
    assert torch.equal(prediction(fresh), untouched)


def test_the_tiny_recipe_is_that_of_the_guide_but_for_sizes() -> None:
    assert set(TINY) & {"loss_type", "ip_noise_gamma", "lr_scheduler"} == set()
    assert load_recipe("pdxl", TINY).network.ip_noise_gamma == 0.05
