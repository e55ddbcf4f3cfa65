"""What any model file or folder is: for `lorabake inspect`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError
from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.identify import identify


def inspect_file(path: Path) -> dict[str, Any]:
    """A LoRA with ranks, hashes, notes and strength; of everything else what it is and its notes.

    Raises ModelFileError for what is missing, damaged, or not a safetensors file.
    """
    if not path.exists():
        raise ModelFileError(f"There is no {path}. Check the name.")
    found = identify(path)
    if found.kind == "lora" and path.is_file():
        from lorabake.engine.lora_file import inspect_lora

        try:
            return inspect_lora(path)
        except ModelFileError:
            pass  # a kind of LoRA whose weights are not read here; its header still says much
    about = asdict(found) | {"name": path.name}
    if path.is_file():
        header = read_header(path)
        about |= {"keys": len(header.tensors), "metadata": dict(sorted(header.metadata.items()))}
    return about
