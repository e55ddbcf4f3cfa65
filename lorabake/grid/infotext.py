"""The text in a picture that says how it was made, in the form that web UIs read and write.

PROMPT
Negative prompt: …
Steps: 20, Sampler: Euler a, CFG scale: 5.0, Seed: 1, Size: 832x1216, Model hash: …, …
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lorabake
from lorabake.core.errors import GridError

_LORA_TAG = re.compile(r"<(?:lora|lyco):([^:<>]+)(?::[^<>]*)?>")


@dataclass(frozen=True)
class Rendering:
    """What all pictures of a grid have in common.

    model_hash: SHA-256 of the base model's file, all digits.
    """

    prompt: str
    negative: str
    seed: int
    steps: int
    cfg: float
    sampler: str
    width: int
    height: int
    model: str
    model_hash: str
    clip_skip: int = 1


def lora_tag(name: str, weight: float) -> str:
    """`<lora:hsr_kafka-07:0.8>`"""
    return f"<lora:{name}:{number(weight)}>"


def number(value: float) -> str:
    """`1.0`, `0.85`: as the guide writes weights."""
    return str(round(float(value), 8))


def without_lora_tags(prompt: str, names: Sequence[str]) -> str:
    """A prompt without the tags of this run's own files, which the grid puts in itself.

    names: of the files, without suffix. Raises GridError for the tag of another LoRA.
    """
    for match in _LORA_TAG.finditer(prompt):
        if match[1].strip() not in names:
            raise GridError(
                f"The prompt asks for {match[0]}, which is not a file of this run. "
                "Leave it out: the grid puts in this run's own files."
            )
    bare = _LORA_TAG.sub("", prompt)
    return re.sub(r"(?:^|(?<=,))\s*,", "", bare).strip().strip(",").strip()


def infotext(rendering: Rendering, lora: str, lora_hash: str, weight: float) -> str:
    """The text of one picture. lora: the file's name without suffix; lora_hash: its model hash."""
    lines = [f"{lora_tag(lora, weight)}, {rendering.prompt}"]
    if rendering.negative:
        lines.append(f"Negative prompt: {rendering.negative}")
    pairs = {
        "Steps": str(rendering.steps),
        "Sampler": rendering.sampler,
        "CFG scale": number(rendering.cfg),
        "Seed": str(rendering.seed),
        "Size": f"{rendering.width}x{rendering.height}",
        "Model hash": rendering.model_hash[:10],
        "Model": rendering.model,
        **({"Clip skip": str(rendering.clip_skip)} if rendering.clip_skip > 1 else {}),
        "Lora hashes": f"{lora}: {lora_hash[:12]}",
        "Version": f"lorabake {lorabake.__version__}",
    }
    return "\n".join([*lines, _joined(pairs)])


def sheet_infotext(first_cell: str, weights: Sequence[float], epochs: Sequence[str]) -> str:
    """The text of the whole sheet: that of its first cell and the two axes.

    Written as Prompt S/R, with which a web UI makes the same grid again. epochs: as in file names.
    """
    axes = {
        "Script": "X/Y/Z plot",
        "X Type": "Prompt S/R",
        "X Values": ", ".join(f"{number(weight)}>" for weight in weights),
        "Y Type": "Prompt S/R",
        "Y Values": ", ".join(f"-{epoch}" for epoch in epochs),
    }
    return f"{first_cell}, {_joined(axes)}"


def _joined(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())


def _quoted(value: str) -> str:
    """As it is, or as a JSON string when it would be taken for several values."""
    if any(sign in value for sign in ",:\n"):
        return json.dumps(value, ensure_ascii=False)
    return value
