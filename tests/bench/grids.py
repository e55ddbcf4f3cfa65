"""A grid's time beside bare sampling of the same pictures: see `speed.py`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from lorabake.core.dataset import scan_dataset
from lorabake.core.workspace import Workspace
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.render import render_grid
from lorabake.recipe.presets import load_recipe
from lorabake.train.loop import train
from lorabake.train.prepare import prepare_run
from tests.bakes import Recorded, draw_dataset

STEPS, WEIGHTS, EPOCHS, ROUNDS = 20, (0.4, 0.6, 0.8, 1.0), 4, 5  # a grid of 4 × 4


def grid_and_bare(base: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds a cell in a grid, a picture sampled barely, and of one bare U-Net forward."""
    workspace = Workspace.open(folder / "workspace")
    recipe = load_recipe("practice", {"model.base": str(base), "epochs": EPOCHS})
    dataset = scan_dataset(draw_dataset(folder / "for-grid", [(256, 256)] * 8, "1_ohwx"))
    run = prepare_run(
        workspace, folder / "baked", dataset, recipe, name="bench", paths_allowed=True
    )
    train(run, Recorded())
    request = GridRequest(
        prompt="ohwx, 1girl, smile", weights=", ".join(map(str, WEIGHTS)), steps=STEPS
    )
    sample_row, forward = bare_sampling(base, recipe.general.resolution)
    ours, bare, forwards = [], [], []
    for round_number in range(ROUNDS + 1):
        result = render_grid(
            prepare_grid(run, replace(request, seed=round_number)), events=Recorded()
        )
        start = time.perf_counter()
        for _ in range(EPOCHS):
            sample_row()
        middle = time.perf_counter()
        for _ in range(STEPS):
            forward()
        if round_number:  # the first one warms up
            ours.append(result.seconds)
            bare.append(middle - start)
            forwards.append((time.perf_counter() - middle) / STEPS)
    cells = EPOCHS * len(WEIGHTS)
    return (
        statistics.median(ours) / cells,
        statistics.median(bare) / cells,
        statistics.median(forwards) / len(WEIGHTS),
    )


def bare_sampling(base: Path, size: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """diffusers' own U-Net and VAE, no LoRA: Euler steps with guidance on one row, then decoding."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(base / "unet", torch_dtype=torch.float32).eval()
    vae = AutoencoderKL.from_pretrained(base / "vae", torch_dtype=torch.float32).eval()
    scheduler = EulerDiscreteScheduler.from_pretrained(base / "scheduler")
    both = 2 * len(WEIGHTS)
    side = size // 2 ** (len(vae.config.block_out_channels) - 1)
    context = torch.randn(both, 77, unet.config.cross_attention_dim)
    width = (
        unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    )
    added = {"text_embeds": torch.randn(both, width), "time_ids": torch.ones(both, 6)}

    @torch.inference_mode()
    def forward() -> None:
        unet(torch.randn(both, 4, side, side), 500, context, added_cond_kwargs=added)

    @torch.inference_mode()
    def row() -> None:
        scheduler.set_timesteps(STEPS)
        latents = torch.randn(len(WEIGHTS), 4, side, side) * scheduler.init_noise_sigma
        for step in scheduler.timesteps:
            going_in = scheduler.scale_model_input(torch.cat([latents, latents]), step)
            out = unet(going_in, step, context, added_cond_kwargs=added).sample
            plain, asked = out.chunk(2)
            latents = scheduler.step(plain + 5 * (asked - plain), step, latents).prev_sample
        vae.decode(latents / vae.config.scaling_factor)

    return row, forward
