"""What a picture will be called in its first epochs, before a bake: the trainer's own draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lorabake.core.dataset import Dataset
from lorabake.core.errors import DatasetError
from lorabake.core.names import shown
from lorabake.engine.token_count import count_tokens
from lorabake.recipe.plan import make_plan
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import captions_of, epoch_batches, train_images

MOST: Final = 4  # looks at one picture that are told of an epoch


@dataclass(frozen=True)
class ForeseenCaption:
    """One look at a picture. step: the optimizer step, from 0; text: "" without words.

    boundaries: characters at which a new chunk of 75 tokens begins; cut: the tokens behind the
    recipe's limit, which are not learned.
    """

    epoch: int
    step: int
    text: str
    tokens: int
    boundaries: tuple[int, ...]
    cut: int


def foreseen_captions(
    dataset: Dataset, recipe: Recipe, picture: Path, *, epochs: int = 3
) -> list[ForeseenCaption]:
    """The looks at one picture in the first epochs, in order: shuffled, kept and dropped as in the
    bake with this seed; the first MOST of each epoch. DatasetError when the picture is not among those that are trained on."""
    general = recipe.general
    images = train_images(dataset, recipe)
    if all(image.path != picture for image in images):
        raise DatasetError(
            f"{shown(picture.name)} is not trained on: it is held out to measure, or not there any more."
        )
    total = make_plan(dataset, recipe).total_steps
    found: list[ForeseenCaption] = []
    for epoch in range(1, epochs + 1):
        looks = []
        for batch in epoch_batches(
            images,
            epoch=epoch,
            batch_size=general.batch_size,
            seed=general.seed,
            accumulation=general.gradient_accumulation_steps,
        ):
            slots = [slot for slot, image in enumerate(batch.images) if image.path == picture]
            if slots:
                texts = captions_of(batch, general.seed, total)
                looks += [(batch.step, texts[slot]) for slot in slots]
        looks.sort(key=lambda look: look[0])
        found += [_caption(epoch, step, text, recipe) for step, text in looks[:MOST]]
    return found


def _caption(epoch: int, step: int, text: str, recipe: Recipe) -> ForeseenCaption:
    counted = count_tokens(text, recipe.family)
    cut = max(0, counted.tokens - recipe.general.max_token_length)
    return ForeseenCaption(epoch, step, text, counted.tokens, counted.boundaries, cut)
