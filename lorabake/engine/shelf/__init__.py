"""The model shelf: what models there are on this computer, and getting more. No torch here.

Downloads are in `shelf.download` and `shelf.jobs`, which load network libraries.
"""

from lorabake.engine.shelf.find import ShelfModel, find_models, hash_of, remembered_models
from lorabake.engine.shelf.known import KNOWN, KnownModel
from lorabake.engine.shelf.look import tag_list_of
from lorabake.engine.shelf.places import (
    add_folder,
    added_folders,
    lora_places,
    places,
    remove_folder,
)

__all__ = [
    "KNOWN",
    "KnownModel",
    "ShelfModel",
    "add_folder",
    "added_folders",
    "find_models",
    "hash_of",
    "lora_places",
    "places",
    "remembered_models",
    "remove_folder",
    "tag_list_of",
]
