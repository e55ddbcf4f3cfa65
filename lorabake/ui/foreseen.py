"""One picture's captions as the trainer will see them: shuffled, kept, dropped, cut into chunks of 75."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lorabake.core.concept_settings import overridden
from lorabake.core.dataset import Dataset
from lorabake.core.errors import DatasetError
from lorabake.core.tags import tag_key
from lorabake.engine.token_count import CHUNK, count_tokens
from lorabake.recipe.pictures import Picture, training_pictures
from lorabake.recipe.recipe import Recipe
from lorabake.train.foreseen import MOST, ForeseenCaption, foreseen_captions
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import read_chosen
from lorabake.ui.place import place

EPOCHS = 3


@answered("look")
def lb_foreseen(data: dict[str, Any]) -> dict[str, Any]:
    """The captions of one picture in its first epochs; `folder` and `number` (from 1) choose it."""
    project = place().project(data.get("project"))
    recipe = read_chosen(project).recipe
    dataset = place().dataset(project, recipe.captions.caption_extension)
    of_folder = _by_folder(dataset, recipe)
    if not of_folder:
        raise DatasetError("There are no pictures to train on. Add some under Project first.")
    folder = text(data, "folder", limit=300)
    folder = folder if folder in of_folder else next(iter(of_folder))
    listed = of_folder[folder]
    at = number(data, "number", otherwise=1, low=1, high=len(listed))
    chosen = listed[at - 1]
    own = overridden(recipe.captions, chosen.concept.settings)
    kept = 0 if own.keep_tokens_separator else own.keep_tokens
    looks = foreseen_captions(dataset, recipe, chosen.image.path, epochs=EPOCHS)
    tags = chosen.image.caption.tags
    return {
        "folders": [[name, len(pictures)] for name, pictures in of_folder.items()],
        "folder": folder,
        "number": at,
        "count": len(listed),
        "name": chosen.image.path.name,
        "sha": chosen.image.sha256,
        "file": chosen.image.caption.text,
        "file_tokens": count_tokens(chosen.image.caption.text, recipe.family).tokens,
        "times": chosen.repeats,
        "told": min(chosen.repeats, MOST),
        "limit": recipe.general.max_token_length,
        "looks": [_look(one, tags, kept, recipe.general.max_token_length) for one in looks],
    }


def _by_folder(dataset: Dataset, recipe: Recipe) -> dict[str, list[Picture]]:
    """What is trained on, by the name of its folder."""
    found: dict[str, list[Picture]] = {}
    for picture in training_pictures(dataset, recipe):
        found.setdefault(picture.concept.folder.name, []).append(picture)
    return found


def _look(look: ForeseenCaption, tags: Sequence[str], kept: int, limit: int) -> dict[str, Any]:
    """One look. chunks: the pieces of the caption, [kind, text] each; missing: tags left out."""
    there = {tag_key(tag) for tag in look.text.split(",")}
    held = len(", ".join(look.text.split(", ")[:kept])) if look.text else 0
    return {
        "epoch": look.epoch,
        "step": look.step + 1,
        "tokens": look.tokens,
        "cut": look.cut,
        "chunks": _chunks(look.text, look.boundaries, held, limit),
        "missing": [tag for tag in tags if tag_key(tag) not in there],
    }


def _chunks(
    caption: str, boundaries: Sequence[int], held: int, limit: int
) -> list[list[tuple[str, str]]]:
    """The caption by chunks of 75 tokens. held: characters in front that no shuffling moves."""
    edges = [0, *boundaries, len(caption)]
    chunks = []
    for place_, (start, end) in enumerate(pairwise(edges)):
        kind = "cut" if place_ * CHUNK >= limit else "free"
        turn = min(max(held, start), end) if kind == "free" else start
        pieces = [("kept", caption[start:turn]), (kind, caption[turn:end])]
        chunks.append([piece for piece in pieces if piece[1]])
    return [chunk for chunk in chunks if chunk]
