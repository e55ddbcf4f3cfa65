"""Recipes in and out: settings of other trainers and of finished LoRAs, read and given back.

A file of another trainer is kept as data beside the recipe (`Recipe.kept`, without secrets). Written
back, it is that file again with only those values changed that the user has changed.
"""

from __future__ import annotations

from lorabake.recipe.exchange.cautions import cautions
from lorabake.recipe.exchange.folders import FolderSettings, apply_folders
from lorabake.recipe.exchange.imported import Change, Imported, differences
from lorabake.recipe.exchange.load import read_settings
from lorabake.recipe.exchange.save import write_lets, write_sd_scripts

__all__ = [
    "Change",
    "FolderSettings",
    "Imported",
    "apply_folders",
    "cautions",
    "differences",
    "read_settings",
    "write_lets",
    "write_sd_scripts",
]
