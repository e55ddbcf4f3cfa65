"""Advice about what this computer can do: precision, 8-bit optimizers, memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lorabake.recipe.advice.advice import Advice, setting_fix
from lorabake.recipe.memory import estimate
from lorabake.recipe.recipe import Recipe

ROOM: Final = 0.95  # of the memory; the guide's settings just fit its card of 12 GB


@dataclass(frozen=True)
class Machine:
    """What is known of the computer that bakes. None: not known, and nothing is said.

    kind: "cuda", "mps" or "cpu"; mib: memory of the card, or of the computer without one.
    """

    kind: str
    mib: float | None = None
    knows_bf16: bool | None = None
    has_8bit: bool | None = None


def about_machine(recipe: Recipe, base: Path | None, machine: Machine) -> Iterator[Advice]:
    """What the settings ask of this computer that it cannot do, or could do better."""
    yield from _precision(recipe, machine)
    if recipe.optimizer.type == "adamw8bit" and machine.has_8bit is False:
        yield Advice(
            "stop",
            "AdamW8bit does not work on this computer. Choose AdamW: for a LoRA it takes about 0.2 GB "
            "more.",
            "optimizer.no_8bit",
            "The guide: set it to AdamW if you have an old graphics card that doesn't support AdamW8bit.",
            setting_fix(optimizer__type="adamw"),
        )
    if machine.mib:
        yield from _memory(recipe, base, machine.kind, machine.mib)


def _precision(recipe: Recipe, machine: Machine) -> Iterator[Advice]:
    precision = recipe.general.mixed_precision
    if precision == "bf16" and machine.knows_bf16 is False:
        yield Advice(
            "stop",
            "This card does not know bf16. Set Training precision to fp16.",
            "precision.no_bf16",
            "The guide: set it to fp16 if your hardware doesn't support bf16.",
            setting_fix(general__mixed_precision="fp16"),
        )
    elif precision == "fp16" and machine.knows_bf16 and recipe.family == "sdxl":
        yield Advice(
            "hint",
            "This card knows bf16, which does not overflow as fp16 can.",
            "precision.fp16",
            "The guide: bf16; fp16 only if your hardware doesn't support it.",
            setting_fix(general__mixed_precision="bf16"),
        )


def _memory(recipe: Recipe, base: Path | None, kind: str, mib: float) -> Iterator[Advice]:
    found = estimate(recipe, base, kind)
    if found is None:
        return
    room, setting = mib * ROOM, recipe.general.gradient_checkpointing
    needs = found.plain_mib if setting == "off" else found.checkpointed_mib
    if setting == "off" and needs > room >= found.checkpointed_mib:
        yield Advice(
            "warn",
            f"Without gradient checkpointing it takes about {needs / 1024:.1f} GB, and there are "
            f"{mib / 1024:.1f}. Set it to auto.",
            "memory.checkpointing",
            "The guide: on; off if you got enough VRAM to train the model faster. The result is the same.",
            setting_fix(general__gradient_checkpointing="auto"),
        )
    elif needs > room:
        yield _too_large(recipe, base, kind, mib, needs)
    elif setting == "on" and found.plain_mib <= room:
        yield Advice(
            "hint",
            f"There is memory enough to bake without gradient checkpointing: about "
            f"{found.plain_mib / 1024:.1f} of {mib / 1024:.1f} GB. It is faster by about a third.",
            "memory.plenty",
            "The guide: set it to False if you got enough VRAM to train the model faster.",
            setting_fix(general__gradient_checkpointing="off"),
        )


def _too_large(recipe: Recipe, base: Path | None, kind: str, mib: float, needs: float) -> Advice:
    text = f"It takes about {needs / 1024:.1f} GB, and there are {mib / 1024:.1f}."
    if recipe.general.batch_size > 1:
        one = estimate(replace(recipe, general=replace(recipe.general, batch_size=1)), base, kind)
        helps = one is not None and one.checkpointed_mib <= mib * ROOM
        how = "which is enough" if helps else "and lower the resolution, too"
        return Advice(
            "warn",
            f"{text} Set Batch size to 1, {how}.",
            "memory.batch",
            "The guide's 2 is for 12 GB of VRAM: set it to 1 to save on VRAM.",
            setting_fix(general__batch_size=1),
        )
    return Advice(
        "warn",
        f"{text} Lower the resolution, or choose a smaller base model.",
        "memory.resolution",
        "Half the resolution takes about a quarter of the memory that pictures take.",
    )
