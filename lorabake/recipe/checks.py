"""What should be known before a bake starts: what cannot work, and what will probably disappoint.

The rules are in `advice`, a module for each thing they are about; here they are asked together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from lorabake.core.dataset import Dataset
from lorabake.core.errors import RecipeError
from lorabake.recipe.advice import Advice, Fix, apply_fix
from lorabake.recipe.advice.captions import about_captions
from lorabake.recipe.advice.length import about_length
from lorabake.recipe.advice.machine import Machine, about_machine
from lorabake.recipe.advice.model import about_base, about_family
from lorabake.recipe.advice.pictures import about_pictures
from lorabake.recipe.advice.training import about_settings
from lorabake.recipe.recipe import Recipe

__all__ = [
    "Advice",
    "Fix",
    "Machine",
    "apply_fix",
    "check_dataset",
    "check_machine",
    "check_recipe",
    "refuse_impossible",
]


def check_recipe(recipe: Recipe, base: Path | None = None) -> list[Advice]:
    """What speaks against a recipe, given the base model's file if it is already known."""
    return [*about_family(recipe), *about_settings(recipe), *about_base(recipe, base)]


def check_dataset(
    dataset: Dataset, recipe: Recipe, *, generated: Collection[str] | None = None
) -> list[Advice]:
    """What speaks against baking this dataset with this recipe.

    generated: sha256 of pictures that a model painted; None looks into the dataset's sources.
    """
    return [
        *about_pictures(dataset, recipe, generated),
        *about_captions(dataset, recipe),
        *about_length(dataset, recipe),
    ]


def check_machine(recipe: Recipe, base: Path | None, machine: Machine) -> list[Advice]:
    """What this computer cannot do of it, or could do better."""
    return list(about_machine(recipe, base, machine))


def refuse_impossible(advice: Iterable[Advice]) -> None:
    """Raises RecipeError with the first remark that would make the bake fail."""
    for remark in advice:
        if remark.level == "stop":
            raise RecipeError(remark.text)
