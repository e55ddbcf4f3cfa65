"""A bake at SDXL's true size on a processor: loads, trains and saves, with its time and memory.

    .venv/bin/python -m tests.bench.full_size FOLDER [--resolution 512] [--steps 3]

Writes a 7 GB checkpoint of random weights into FOLDER (once), in the layout Pony and Illustrious are
handed around in, and bakes on it with the guide's Illustrious settings. Takes minutes and 16 GB.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch

from lorabake.core.dataset import scan_dataset
from lorabake.core.workspace import Workspace
from lorabake.engine.families import sdxl, shapes
from lorabake.engine.families.loading import _build
from lorabake.engine.lora_file import inspect_lora
from lorabake.recipe.presets import load_recipe
from lorabake.train.sitting import bake
from tests.bakes import draw_dataset
from tests.tiny import sgm_tensors


def full_size_modules() -> dict[str, Any]:
    """SDXL's four networks without memory behind them."""
    return {part: _build(part, shapes.shipped_config(part)) for part in sdxl.PARTS}


def write_checkpoint(path: Path) -> None:
    """Random bf16 weights, each layer scaled to keep the size of what goes through it."""
    tensors = sgm_tensors(full_size_modules())
    entries: dict[str, Any] = {}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + 2 * tensor.numel()
        entries[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    generator = torch.Generator().manual_seed(0)
    with path.with_suffix(".part").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name, tensor in tensors.items():
            values = _random(name, tuple(tensor.shape), generator)
            file.write(values.to(torch.bfloat16).view(torch.uint8).numpy().data)
    path.with_suffix(".part").replace(path)


def _random(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    if len(shape) == 0:
        return torch.tensor(math.log(100.0)).view(1)
    # As torch starts fresh layers, and CLIP its embeddings: gradients keep a size bf16 can hold.
    scale = 0.02 if "embed" in name else 1 / math.sqrt(3 * math.prod(shape[1:]))
    return torch.randn(shape, generator=generator) * scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.folder / "full-size.safetensors"
    if not checkpoint.exists():
        started = time.time()
        write_checkpoint(checkpoint)
        print(
            f"wrote {checkpoint.stat().st_size / 2**30:.2f} GiB in {time.time() - started:.0f} s",
            flush=True,
        )
    result = run(arguments.folder, checkpoint, arguments.resolution, arguments.steps)
    print(json.dumps(result, indent=1))


def run(folder: Path, checkpoint: Path, resolution: int, steps: int) -> dict[str, Any]:
    from lorabake.core.events import read_events
    from lorabake.train.prepare import prepare_run

    workspace = Workspace.open(folder / "workspace")
    side = resolution + 64
    data = draw_dataset(folder / f"data-{steps}", [(side, side)] * steps, "1_ohwx")
    changes = {
        "model.base": str(checkpoint),
        "resolution": resolution,
        "epochs": 1,
        "batch_size": 1,
    }
    recipe = load_recipe("illustrious", changes)
    name = f"run-{int(time.time())}"
    run = prepare_run(
        workspace, folder / name, scan_dataset(data), recipe, name="full", paths_allowed=True
    )
    started = time.time()
    result = bake(run, resume=False, tell=lambda text: print(text, flush=True))
    events, _ = read_events(run.events_path)
    times = [event for event in events if event.type == "step"]
    about = inspect_lora(Path(result["checkpoints"][-1]["path"]))
    peak = next(
        line
        for line in Path("/proc/self/status").read_text("utf-8").splitlines()
        if "VmHWM" in line
    )
    return {
        "first_step_s": round(times[0].time - started, 1),
        "step_s": [event.data["seconds"] for event in times],
        "losses": [round(event.data["loss"], 4) for event in times],
        "peak": peak.split(":")[1].strip(),
        "layers": about["layers"],
        "mib": about["mib"],
        "finite": about["finite"],
    }


if __name__ == "__main__":
    main()
