"""How fast a bake and a grid are, beside the bare model in the same run.

    .venv/bin/python -m tests.bench.speed [--model FOLDER] [--write]

Machines are noisy and differ, so what counts is the ratio: our step and the bare step are taken in
turns, and medians are compared. `--write` puts the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig  # before any model is loaded, which hides peft from diffusers

from lorabake.core.dataset import scan_dataset
from lorabake.core.workspace import Workspace
from lorabake.engine.device import set_threads
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.networks import attach
from lorabake.recipe.models import SHIPPED
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import epoch_batches, train_images
from lorabake.train.latents import LatentCache
from lorabake.train.oven import Oven
from tests.bakes import draw_dataset

ROUNDS = 25
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def in_turns(*tasks: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """Median seconds of each task, all of them once a round, after two rounds to warm up."""
    times: list[list[float]] = [[] for _ in tasks]
    for round_number in range(rounds + 2):
        for task, taken in zip(tasks, times, strict=True):
            start = time.perf_counter()
            task()
            if round_number >= 2:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def training(base: Path, folder: Path) -> tuple[float, float]:
    """Seconds of our whole step and of forward + backward + optimizer of the bare U-Net."""
    recipe = load_recipe("practice", {"model.base": str(base)})
    dataset = scan_dataset(draw_dataset(folder / "data", [(256, 256)] * 8))
    images = train_images(dataset, recipe)
    ours = load_model(base)
    set_threads(sum(p.numel() for p in ours.unet.parameters()), "cpu")
    cache = LatentCache(folder / "latents", ours, recipe)
    cache.fill(images, lambda done, total: None, lambda: False)
    oven = Oven(ours, attach(ours, _trained(recipe), 1), recipe, cache, 10_000)
    size = recipe.general.batch_size
    batches = [
        b for b in epoch_batches(images, epoch=1, batch_size=size, seed=1) if len(b.images) == size
    ]
    steps = iter(range(10_000))

    def our_step() -> None:
        step = next(steps)
        oven.step(step, [batches[step % len(batches)]])

    return tuple(in_turns(our_step, bare_step(base, recipe, batches[0].bucket)))  # type: ignore[return-value]


def _trained(recipe: Any) -> Any:
    from dataclasses import replace

    return replace(recipe.network, train_text_encoder=recipe.text_encoder_trains)


def bare_step(base: Path, recipe: Any, bucket: tuple[int, int]) -> Callable[[], None]:
    """diffusers' U-Net with peft's own LoRA on the same layers, and torch's optimizer, on random input."""
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(base / "unet", torch_dtype=torch.float32)
    unet.requires_grad_(False)
    linear = [
        "to_q",
        "to_k",
        "to_v",
        "to_out.0",
        "proj_in",
        "proj_out",
        "ff.net.0.proj",
        "ff.net.2",
    ]
    conv = [
        "conv1",
        "conv2",
        "conv_shortcut",
        "time_emb_proj",
        "downsamplers.0.conv",
        "upsamplers.0.conv",
    ]
    targets = linear + (conv if recipe.network.conv_dim else [])
    unet.add_adapter(LoraConfig(r=recipe.network.network_dim, target_modules=targets))
    parameters = [p for p in unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, foreach=True)
    batch, side = recipe.general.batch_size, 4
    noisy = torch.randn(batch, 4, bucket[1] // side, bucket[0] // side)
    tokens = 77 if recipe.general.max_token_length == 75 else recipe.general.max_token_length + 2
    context = torch.randn(batch, tokens, unet.config.cross_attention_dim)
    width = (
        unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    )
    added = {"text_embeds": torch.randn(batch, width), "time_ids": torch.ones(batch, 6)}

    def step() -> None:
        out = unet(noisy, torch.randint(0, 1000, (batch,)), context, added_cond_kwargs=added).sample
        torch.nn.functional.mse_loss(out, noisy).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def sitting(base: Path, folder: Path) -> dict[str, float]:
    """A whole bake as the queue runs it: seconds from the process's start to its first step, and MiB."""
    from lorabake.core.events import read_events
    from lorabake.train.prepare import prepare_run

    workspace = Workspace.open(folder / "workspace")
    recipe = load_recipe("practice", {"model.base": str(base), "epochs": 1})
    dataset = scan_dataset(draw_dataset(folder / "pictures", [(256, 256)] * 24))
    run = prepare_run(workspace, folder / "run", dataset, recipe, name="bench", paths_allowed=True)
    start = time.time()
    subprocess.run(
        [sys.executable, "-m", "lorabake.train", str(run.folder)], check=True, capture_output=True
    )
    events, _ = read_events(run.events_path)
    first = next(event for event in events if event.type == "step")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"first_step": first.time - start, "peak_mib": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED["practice"])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(arguments.model, Path(name))
    table = "\n".join(["| what | measured | wanted |", "|---|---|---|", *rows])
    print(table)
    if arguments.write:
        write(table)


def measure(base: Path, folder: Path) -> list[str]:
    from tests.bench.grids import grid_and_bare

    ours, bare = training(base, folder)
    cell, bare_cell, forward = grid_and_bare(base, folder)
    whole = sitting(base, folder)
    return [
        f"| training step ÷ bare forward + backward + optimizer | {ours / bare:.2f} × | ≤ 1.15 × |",
        f"| training steps a second (bare) | {1 / ours:.1f} ({1 / bare:.1f}) | |",
        f"| grid ÷ bare sampling of the same pictures | {cell / bare_cell:.2f} × | ≤ 1.1 × |",
        f"| grid, seconds a cell of 20 steps (one bare U-Net forward) | {cell:.3f} ({forward:.4f}) | |",
        f"| process start to first step | {whole['first_step']:.1f} s | |",
        f"| peak memory of the bake | {whole['peak_mib']:.0f} MiB | |",
    ]


def write(table: str) -> None:
    """Replace the table between the two marks in docs/performance.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- speed -->\n")
    _, _, after = rest.partition("<!-- end -->")
    about = f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    text = f"{before}<!-- speed -->\n{about}\n\n{table}\n<!-- end -->{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
