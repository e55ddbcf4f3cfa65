"""What the page shows of captions before a bake is what the trainer will read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lorabake.core.errors import DatasetError
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.train.batches import captions_of, epoch_batches, train_images
from lorabake.train.foreseen import MOST, foreseen_captions
from tests.recipe.datasets import concept, dataset

TAGS = tuple(f"tag {number}" for number in range(8))


def test_the_captions_of_three_epochs() -> None:
    data = dataset(concept(9, 2, "kafka", TAGS), concept(4, 1, "zeta", TAGS))
    recipe = load_recipe("pdxl", {"caption_tag_dropout_rate": 0.2, "seed": 5})
    picture = data.concepts[0].images[3].path
    found = foreseen_captions(data, recipe, picture)
    assert [one.epoch for one in found] == [1, 1, 2, 2, 3, 3], "shown twice an epoch"
    total = make_plan(data, recipe).total_steps
    read = [
        (batch.epoch, batch.step, text)
        for epoch in (1, 2, 3)
        for batch in epoch_batches(train_images(data, recipe), epoch=epoch, batch_size=2, seed=5)
        for image, text in zip(batch.images, captions_of(batch, 5, total), strict=True)
        if image.path == picture
    ]
    assert [(one.epoch, one.step, one.text) for one in found] == sorted(read, key=lambda r: r[1])
    assert all(one.text.startswith("kafka, ") for one in found)
    assert len({one.text for one in found}) > 1
    often = dataset(concept(3, 9, "kafka", TAGS))
    many = foreseen_captions(often, recipe, often.images[0].path)
    assert [one.epoch for one in many] == [1] * MOST + [2] * MOST + [3] * MOST


def test_tokens_and_what_is_cut() -> None:
    data = dataset(concept(2, 1, "kafka", tuple(f"long {word} dress" for word in "abcdefghij" * 3)))
    recipe = load_recipe("pdxl", {"max_token_length": 75, "shuffle_caption": False})
    first = foreseen_captions(data, recipe, data.images[0].path, epochs=1)[0]
    assert first.cut == first.tokens - 75 > 0
    assert len(first.boundaries) == (first.tokens - 1) // 75
    dropped = replace(recipe, captions=replace(recipe.captions, caption_dropout_rate=1.0))
    silent = foreseen_captions(data, dropped, data.images[0].path, epochs=1)[0]
    assert (silent.text, silent.tokens, silent.cut) == ("", 0, 0)
    with pytest.raises(DatasetError, match=r"other\.png is not trained on"):
        foreseen_captions(data, recipe, Path("other.png"))
