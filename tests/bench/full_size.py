"""A bake at SDXL's true size on a processor, beside the bare model's step: time and memory.

    .venv/bin/python -m tests.bench.full_size FOLDER [--resolution 512] [--steps 4] [--set key=value]

Writes a 7 GB checkpoint of random weights into FOLDER (once), in the layout Pony and Illustrious are
handed around in. Then, each in a process of its own: the bare diffusers U-Net with a peft LoRA and
gradient checkpointing, forward and backward; and a bake with the guide's Illustrious settings, as the
page starts it. Takes minutes and 12 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from lorabake.core.dataset import scan_dataset
from lorabake.core.events import read_events
from lorabake.core.workspace import Workspace
from lorabake.engine.families import sdxl, shapes
from lorabake.engine.families.loading import _build
from lorabake.engine.lora_file import inspect_lora
from lorabake.recipe.presets import load_recipe
from lorabake.train.prepare import prepare_run
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


BARE = """
import json, sys, time
from pathlib import Path
import peft, torch
from lorabake.engine.families import load_model

path, side, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
unet = load_model(path, dtype=torch.bfloat16, parts=("unet",)).unet
layers = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
unet.add_adapter(peft.LoraConfig(r=8, lora_alpha=4, target_modules=layers))
for parameter in unet.parameters():
    if parameter.requires_grad:
        parameter.data = parameter.data.float()
unet.enable_gradient_checkpointing()
unet.train()
noisy, times = torch.randn(1, 4, side // 8, side // 8).bfloat16(), torch.tensor([500])
told = {"text_embeds": torch.randn(1, 1280).bfloat16()}
told["time_ids"] = torch.tensor([[side, side, 0, 0, side, side]]).float()
text = torch.randn(1, 227, 2048).bfloat16()
took = []
for _ in range(steps):
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.autocast("cpu", torch.bfloat16):
        out = unet(noisy, times, encoder_hidden_states=text, added_cond_kwargs=told)[0]
    out.float().square().mean().backward()
    took.append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps(took))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "full-size.safetensors"
    if not checkpoint.exists():
        write_checkpoint(checkpoint)
    with checkpoint.open("rb") as file:  # into the page cache
        while file.read(2**24):
            pass
    changes = dict(pair.partition("=")[::2] for pair in options.set)
    bare = bare_steps(checkpoint, options.resolution, options.steps)
    baked = run(options.folder, checkpoint, options.resolution, options.steps, changes)
    result = {
        "bare": bare,
        "bake": baked,
        "step_by_bare": round(baked["step_s"] / bare["step_s"], 3),
        "step_by_bare_cpu": round(baked["step_cpu_s"] / bare["step_cpu_s"], 3),
    }
    print(json.dumps(result, indent=1))


def bare_steps(checkpoint: Path, resolution: int, steps: int) -> dict[str, Any]:
    """The bare model's forward and backward; the first, which reads the file, does not count."""
    command = [sys.executable, "-c", BARE, str(checkpoint), str(resolution), str(steps)]
    done, peak_mib, _ = _watched(command)
    took = json.loads(done.splitlines()[-1])[1:]
    return {
        "step_s": round(min(wall for wall, _ in took), 2),
        "step_cpu_s": round(min(cpu for _, cpu in took), 2),
        "peak_mib": peak_mib,
    }


def run(
    folder: Path, checkpoint: Path, resolution: int, steps: int, changes: dict[str, Any]
) -> dict[str, Any]:
    """One bake of a single picture, `steps` steps, started as the page starts it."""
    name = f"run-{int(time.time())}"
    workspace = Workspace.open(folder / name / "workspace")
    side = resolution + 64
    data = draw_dataset(folder / "data", [(side, side)], f"{steps}_ohwx")
    wanted = {
        "model.base": str(checkpoint),
        "resolution": resolution,
        "epochs": 1,
        "batch_size": 1,
    }
    recipe = load_recipe("illustrious", wanted | changes)
    made = prepare_run(
        workspace,
        folder / name / "run",
        scan_dataset(data),
        recipe,
        name="full",
        paths_allowed=True,
    )
    started = time.time()
    _, peak_mib, cpu = _watched([sys.executable, "-m", "lorabake.train", str(made.folder)])
    ended = time.time()
    events, _ = read_events(made.events_path)
    times = [event for event in events if event.type == "step"]
    baking = next(e for e in events if e.type == "phase" and e.data["name"] == "train")
    seconds = [event.data["seconds"] for event in times]
    later = seconds[1:]  # the first reads the whole file
    about = inspect_lora(made.checkpoints()[-1].path)
    around = (baking.time - started) + (ended - times[-1].time)
    return {
        "start_to_first_step_s": round(baking.time - started, 1),
        "around_the_steps_s": round(around, 1),
        "steps_s": seconds,
        "step_s": round(min(later), 2),
        "step_cpu_s": round(min(event.data["cpu_seconds"] for event in times[1:]), 2),
        "cpu_s": round(cpu, 1),
        "checkpointed": baking.data["checkpointed"],
        "peak_mib": peak_mib,
        "layers": about["layers"],
        "mib": about["mib"],
        "finite": about["finite"],
    }


def _watched(command: list[str]) -> tuple[str, int, float]:
    """(output, peak MiB, processor seconds) of a child process; raises when it fails."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:3]} ended with {child.returncode}")
    return output, usage.ru_maxrss // 1024, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
