"""Optimizers by name. A new one is a new file here and one word in the tuple below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabake.core.errors import RecipeError
from lorabake.core.registry import Registry
from lorabake.core.settings import from_mapping, setting_fields
from lorabake.engine.optimizers import adamw, adamw8bit, came
from lorabake.engine.optimizers.optimizer import Optimizer, ParamGroups

if TYPE_CHECKING:
    import torch

OPTIMIZERS = Registry("optimizer", adamw.ENTRY, adamw8bit.ENTRY, came.ENTRY)

__all__ = ["OPTIMIZERS", "Optimizer", "ParamGroups", "build_optimizer", "optimizer_settings"]


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
