"""What this computer can do, and how to get what is missing."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from lorabake.core.errors import DeviceError
from lorabake.engine.device import choose_dtype, find_device

NEEDED = (
    "gradio",
    "pillow",
    "requests",
    "pandas",
    "diffusers",
    "transformers",
    "accelerate",
    "peft",
)
NEEDED_TOO = ("safetensors", "tomlkit", "pytorch_optimizer", "spandrel", "platformdirs", "typer")
FREE_GIB = 5  # a bake of SDXL writes latents, states and a file per epoch


def examine(folder: Path | None = None) -> dict[str, Any]:
    """Versions, device and problems; `ok` is False when something needed is missing.

    folder: where bakes will be written, for the look at the disk (default: here). It need not exist yet.
    """
    problems: list[dict[str, str]] = []
    versions = {name: _version(name) for name in (*NEEDED, *NEEDED_TOO, "torch", "bitsandbytes")}
    for name, version in versions.items():
        if version is None and name != "bitsandbytes":
            text = f"{name} is missing. Start lorabake with launch.sh or launch.bat; it completes the set-up."
            problems.append({"level": "stop", "text": text})
    if versions["bitsandbytes"] is None:
        text = "bitsandbytes is not installed, so AdamW8bit cannot be used. AdamW does the same for a LoRA."
        problems.append({"level": "hint", "text": text})
    device = {"kind": "cpu", "name": "CPU", "mib": 0, "label": "CPU · practice speed"}
    if versions["torch"] is not None:
        found = find_device()
        device = {"kind": found.kind, "name": found.name, "mib": found.mib, "label": found.label}
        problems += _device_problems(found.kind, found.mib)
    place = (folder or Path()).absolute()
    existing = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if free < FREE_GIB:
        text = (
            f"Only {free:.1f} GB of disk are free; a bake of an SDXL model needs about {FREE_GIB}."
        )
        problems.append({"level": "warn", "text": text})
    return {
        "ok": not any(problem["level"] == "stop" for problem in problems),
        "device": device,
        "torch": versions["torch"],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "problems": problems,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _device_problems(kind: str, mib: int) -> list[dict[str, str]]:
    if kind == "cpu":
        text = (
            "No graphics card that torch can use was found. The practice oven works at full speed; an "
            "SDXL model would take days. With an NVIDIA card: install its driver, then start again."
        )
        return [{"level": "hint", "text": text}]
    problems = []
    if mib < 8 * 1024:
        text = f"The card has {mib / 1024:.0f} GB; SDXL wants 12 with the guide's settings, 8 at the least."
        problems.append({"level": "warn", "text": text})
    try:
        choose_dtype("bf16", kind)
    except DeviceError as error:
        problems.append({"level": "hint", "text": str(error)})
    return problems


assert sys.version_info >= (3, 11)
