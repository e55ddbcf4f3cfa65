"""Optimizers by name. A new one is a new file here and one word in the tuple below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabake.core.errors import RecipeError
from lorabake.core.registry import Registry
from lorabake.core.settings import from_mapping, setting_fields
from lorabake.engine.optimizers import (
    adafactor,
    adamw,
    adamw8bit,
    adamw_schedulefree,
    came,
    dadapt_adam,
    lion,
    prodigy,
)
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch

OPTIMIZERS = Registry(
    "optimizer",
    adamw.ENTRY,
    adamw8bit.ENTRY,
    came.ENTRY,
    prodigy.ENTRY,
    adafactor.ENTRY,
    lion.ENTRY,
    adamw_schedulefree.ENTRY,
    dadapt_adam.ENTRY,
)

__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "ParamGroups",
    "build_optimizer",
    "optimizer_settings",
    "schedule_of",
]


def optimizer_settings(name: str, args: dict[str, Any]) -> Any:
    """The optimizer's own settings from the recipe's [optimizer.args]; RecipeError if they do not fit."""
    entry = OPTIMIZERS[name]
    settings: Any = from_mapping(entry.settings, args, where="optimizer.args")
    for spec in setting_fields(entry.settings):
        value = getattr(settings, spec.name)
        if spec.type == "floats" and len(value) != len(spec.default):
            raise RecipeError(
                f"{spec.label} of {entry.label} needs {len(spec.default)} numbers, not {len(value)}: "
                f"for example {', '.join(map(str, spec.default))}."
            )
    return settings


def build_optimizer(name: str, groups: ParamGroups, args: dict[str, Any]) -> torch.optim.Optimizer:
    """The optimizer of a recipe for parameter groups that carry their own lr."""
    return OPTIMIZERS[name].build(groups, optimizer_settings(name, args))


def schedule_of(optimizer: str, lr_scheduler: str) -> str:
    """The schedule a recipe really follows: an optimizer that needs none keeps its rate constant."""
    return "constant_with_warmup" if OPTIMIZERS[optimizer].own_schedule else lr_scheduler
