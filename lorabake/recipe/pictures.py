"""Which pictures of a dataset are trained on, how often, and which are only held out to measure.

Regularisation folders are counted as the guide's trainer counts them: their pictures, in order,
until there are as many as training pictures with their repeats; too few of them are repeated one
more time each, round after round, until there are enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.randomness import derive
from lorabake.core.training_caption import training_caption
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.settings import CaptionSettings


@dataclass(frozen=True)
class Picture:
    """A picture of a concept. repeats: how often an epoch shows it."""

    image: DatasetImage
    concept: Concept
    repeats: int

    @property
    def is_reg(self) -> bool:
        return self.concept.is_reg


def training_pictures(dataset: Dataset, recipe: Recipe) -> list[Picture]:
    """What an epoch shows, in the order of the dataset: training pictures, then regularisation."""
    held_out = held_out_hashes(dataset, recipe)
    left = [p for p in _pictures(dataset) if p.image.sha256 not in held_out]
    trained = [picture for picture in left if not picture.is_reg]
    wanted = sum(picture.repeats for picture in trained)
    return trained + matched([picture for picture in left if picture.is_reg], wanted)


def held_out_pictures(dataset: Dataset, recipe: Recipe) -> list[Picture]:
    """The pictures that validation measures, each once."""
    hashes = held_out_hashes(dataset, recipe)
    first: dict[str, Picture] = {}
    for picture in _pictures(dataset):
        if picture.image.sha256 in hashes and not picture.is_reg:
            first.setdefault(picture.image.sha256, replace(picture, repeats=1))
    return list(first.values())


def held_out_hashes(dataset: Dataset, recipe: Recipe) -> set[str]:
    """The share `validation_split` of the distinct pictures, by their hashes.

    Those whose hash with the seed is smallest, so that another picture moves at most one of them;
    at least one, and never all. The same picture in two places is held out in both.
    """
    split, seed = recipe.validation.validation_split, recipe.general.seed
    if not split:
        return set()
    distinct = {p.image.sha256 for p in _pictures(dataset) if not p.is_reg}
    if len(distinct) < 2:
        return set()
    count = min(len(distinct) - 1, max(1, round(len(distinct) * split)))
    order = sorted(distinct, key=lambda sha256: (derive(seed, "validation", sha256), sha256))
    return set(order[:count])


def matched(pictures: Sequence[Picture], wanted: int) -> list[Picture]:
    """Regularisation pictures so often that about `wanted` are shown.

    The last one keeps its repeats even if that is more than wanted, as in the guide's trainer.
    """
    taken: list[Picture] = []
    shown = 0
    for picture in pictures:
        if shown >= wanted:
            break
        taken.append(picture)
        shown += picture.repeats
    if not taken:
        return []
    rounds, rest = divmod(max(0, wanted - shown), len(taken))
    return [
        replace(picture, repeats=picture.repeats + rounds + (place < rest))
        for place, picture in enumerate(taken)
    ]


def caption_as_written(lines: Sequence[str], captions: CaptionSettings) -> str:
    """A picture's caption with everything that varies switched off: for measuring."""
    rules = replace(
        captions,
        shuffle_caption=False,
        caption_dropout_rate=0.0,
        caption_dropout_every_n_epochs=0,
        caption_tag_dropout_rate=0.0,
        token_warmup_step=0.0,
    )
    return training_caption(lines, rules, rng=Random(0))


def _pictures(dataset: Dataset) -> Iterator[Picture]:
    for concept in dataset.concepts:
        for image in concept.images:
            yield Picture(image, concept, concept.repeats)
