"""Folders of pictures as other trainers' files name them, and putting their settings to use here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from lorabake.core.concept_settings import (
    ConceptSettings,
    changed_settings,
    read_concept_settings,
    write_concept_settings,
)
from lorabake.core.dataset import MAX_REPEATS, set_repeats, split_concept_name
from lorabake.core.errors import RecipeError
from lorabake.core.names import is_safe_name, name_key, shown


@dataclass(frozen=True)
class FolderSettings:
    """One folder of pictures in a settings file. The path is text: reading a file opens no folder.

    settings: what this folder wants differently from the recipe.
    """

    name: str
    path: str = field(default="", repr=False)
    repeats: int = 1
    settings: ConceptSettings = field(default_factory=ConceptSettings)

    @property
    def is_reg(self) -> bool:
        return self.settings.is_reg

    def summary(self) -> str:
        """One line for a person, without the path."""
        own = [
            f"{key.replace('_', ' ')} {value}"
            for key, value in changed_settings(self.settings).items()
        ]
        return f"{shown(self.name)}: {self.repeats} repeats" + (
            f" ({', '.join(own)})" if own else ""
        )


def folder_name(path: str) -> str:
    """The last part of a path of any system."""
    return PurePath(path.replace("\\", "/").rstrip("/")).name


def apply_folders(dataset_dir: Path, folders: list[FolderSettings]) -> list[str]:
    """Write repeats and settings to the concept folders of the same names; a line about each.

    Folders are found below `dataset_dir` by name alone, with or without the number in front. What
    a file says of a folder that is not there is told and changes nothing.
    """
    told = []
    for folder in folders:
        there = _matching(dataset_dir, folder.name)
        if there is None:
            told.append(f"{shown(folder.name)} is not in this dataset, so nothing was changed.")
            continue
        write_concept_settings(there, _with_known_masks(folder.settings, there))
        if there != dataset_dir:
            there = set_repeats(there, folder.repeats)
        told.append(f"{shown(there.name)}: {folder.summary().partition(': ')[2]}.")
    return told


def _with_known_masks(settings: ConceptSettings, folder: Path) -> ConceptSettings:
    """A mask folder counts where it lies; its name alone says nothing about another dataset."""
    name = settings.mask_folder
    there = name and any((place / name).is_dir() for place in (folder, folder.parent))
    if there:
        return settings
    return replace(settings, mask_folder=read_concept_settings(folder).mask_folder)


def _matching(dataset_dir: Path, name: str) -> Path | None:
    """The folder of that name; else the only one with the same words behind its number."""
    if not name or not is_safe_name(name):
        return None
    below = [
        path
        for path in sorted(dataset_dir.iterdir())
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]
    exact = [path for path in below if name_key(path.name) == name_key(name)]
    words = name_key(split_concept_name(name)[1])
    alike = [path for path in below if name_key(split_concept_name(path.name)[1]) == words]
    found = exact or alike
    if len(found) == 1:
        return found[0]
    return dataset_dir if not below and name_key(dataset_dir.name) == name_key(name) else None


def clamped_repeats(value: Any) -> int:
    """Repeats from a file; RecipeError when they are no number of repeats."""
    try:
        repeats = int(value)
    except (TypeError, ValueError, OverflowError):
        repeats = 0
    if isinstance(value, bool) or not 1 <= repeats <= MAX_REPEATS:
        raise RecipeError(f"num_repeats must be a whole number from 1 to {MAX_REPEATS}.")
    return repeats
