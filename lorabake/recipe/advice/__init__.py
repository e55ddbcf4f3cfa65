"""Advice before a bake: one module for each thing that it is about."""

from __future__ import annotations

from lorabake.recipe.advice.advice import Advice, Fix, Level, apply_fix

__all__ = ["Advice", "Fix", "Level", "apply_fix"]
