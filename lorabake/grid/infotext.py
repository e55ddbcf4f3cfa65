"""The text in a picture that says how it was made, in the form that web UIs read and write.

PROMPT
Negative prompt: …
Steps: 20, Sampler: Euler a, CFG scale: 5.0, Seed: 1, Size: 832x1216, Model hash: …, …
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import lorabake
from lorabake.grid.board import AxisText
from lorabake.grid.shot import Shot
from lorabake.grid.tags import lora_tag, lora_uses
from lorabake.grid.values import number

__all__ = ["MadeBy", "infotext", "lora_tag", "number", "read_text", "sheet_infotext"]


@dataclass(frozen=True)
class MadeBy:
    """The base model of a picture. sha256: of its file, all digits."""

    model: str
    sha256: str


def infotext(shot: Shot, by: MadeBy, hashes: Mapping[str, str]) -> str:
    """The text of one picture. hashes: of the LoRA files, by name.

    "RNG: CPU" tells web UIs to draw their noise as it was drawn here.
    """
    lines = [shot.prompt]
    if shot.negative:
        lines.append(f"Negative prompt: {shot.negative}")
    used = [f"{use.name}: {hashes.get(use.name, '')[:12]}" for use in lora_uses(shot.prompt)]
    pairs = {
        "Steps": str(shot.steps),
        "Sampler": shot.sampler,
        "CFG scale": number(shot.cfg),
        "Seed": str(shot.seed),
        "Size": f"{shot.width}x{shot.height}",
        "Model hash": by.sha256[:10],
        "Model": by.model,
        **({"Clip skip": str(shot.clip_skip)} if shot.clip_skip > 1 else {}),
        **({"Lora hashes": ", ".join(used)} if used else {}),
        "RNG": "CPU",
        "Version": f"lorabake {lorabake.__version__}",
    }
    return "\n".join([*lines, _joined(pairs)])


def sheet_infotext(first_cell: str, axes: Sequence[AxisText]) -> str:
    """The text of the whole sheet: that of its first cell, and X, Y and Z as X/Y/Z plot has them.

    Epochs and weights are written as Prompt S/R, with which a web UI makes the same grid again.
    """
    pairs = {"Script": "X/Y/Z plot"}
    for letter, axis in zip("XYZ", axes, strict=False):
        if not axis.type:
            continue
        pairs |= {f"{letter} Type": axis.type, f"{letter} Values": axis.values}
        if axis.fixed:
            pairs[f"Fixed {letter} Values"] = axis.fixed
    return f"{first_cell}, {_joined(pairs)}"


def read_text(path: Path) -> str:
    """How a picture was made, as it says itself; "" when it does not."""
    with Image.open(path) as picture:
        return str(picture.info.get("parameters", ""))


def _joined(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())


def _quoted(value: str) -> str:
    """As it is, or as a JSON string when it would be taken for several values."""
    if any(sign in value for sign in ',:\n"'):
        return json.dumps(value, ensure_ascii=False)
    return value
