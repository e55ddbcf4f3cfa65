"""Write the folder that becomes a Hugging Face Space:  python tools/space.py DIR

Its README carries the front matter that the Hub reads, and its requirements are those of a machine
without a graphics card. Nothing is sent anywhere; docs/space.md says how to upload it.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("app.py", "lorabake", "presets", "LICENSE")
WHEELS = "https://download.pytorch.org/whl/cpu"
NOT_THERE = ("bitsandbytes", "onnxruntime-gpu")  # only for a graphics card
PYTHON = "3.12"

FRONT_MATTER = """---
title: lorabake
emoji: 🍞
colorFrom: yellow
colorTo: red
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
short_description: From an image search to a finished anime LoRA
tags:
  - lora
  - anime
  - stable-diffusion-xl
  - training
license: mit
pinned: false
suggested_hardware: cpu-basic
---
"""

TEXT = """
# lorabake

A demo of lorabake, which takes you from an image search to a finished anime LoRA. Here it bakes with the
tiny practice model that comes with it, on the processor, for two minutes at most. What you do is seen by
nobody else, and deleted an hour after you leave. For your own models, start it on your own computer.
"""


def write_space(folder: Path) -> None:
    """Fill an empty or missing folder; SystemExit when there is something in it."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty. Choose a folder that is not there yet.")
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    asked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    wanted = [f"--extra-index-url {WHEELS}", *requirements(asked)]
    (folder / "requirements.txt").write_text("\n".join(wanted) + "\n", encoding="utf-8")
    readme = FRONT_MATTER.format(gradio=gradio_version(asked), python=PYTHON) + TEXT
    (folder / "README.md").write_text(readme, encoding="utf-8")


def requirements(text: str) -> Iterator[str]:
    """Those of requirements.txt that a Space needs, without conditions: it runs on Linux."""
    for line in text.splitlines():
        wanted = line.partition("#")[0].strip()
        name = re.match(r"[\w.-]*", wanted)
        if not wanted or name is None or name[0] in NOT_THERE or name[0] == "gradio":
            continue  # the Hub installs the Gradio that the front matter names
        yield wanted.partition(";")[0].strip()


def gradio_version(text: str) -> str:
    """The lowest that the tests ran with: the Hub wants one version and no range."""
    found = re.search(r"^gradio>=(\d+)\.(\d+)(?:\.(\d+))?", text, re.MULTILINE)
    assert found is not None
    return f"{found[1]}.{found[2]}.{found[3] or 0}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the folder of a Hugging Face Space.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    folder = parser.parse_args(arguments).folder
    write_space(folder)
    print(f"Written to {folder}. Upload it as docs/space.md says.")


if __name__ == "__main__":
    main()
