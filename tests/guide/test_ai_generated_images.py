"""Guide, "Using AI Generated Images for Training"."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.sources import Source, Sources
from lorabake.recipe.checks import check_dataset
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.share import MOST_GENERATED, Share
from tests.bakes import draw_dataset
from tests.recipe.datasets import concept, dataset


def about_generated(data: Dataset, generated: set[str] | None = None) -> list[str]:
    found = check_dataset(data, load_recipe("pdxl"), generated=generated)
    return [one.text for one in found if one.id == "generated.share"]


@pytest.mark.parametrize(("repeats", "told"), [(1, []), (2, ["40% of what an epoch shows"])])
def test_generations_are_a_small_part(repeats: int, told: list[str]) -> None:
    """“Can it be done? Yes” · “Don't make your next generations worse”

    A quarter of the looks is fine; shown twice, the same ten pictures are too many.
    """
    data = dataset(concept(30, 1, "own"), concept(10, repeats, "made"))
    generated = {image.sha256 for image in data.concepts[1].images}
    texts = about_generated(data, generated)
    assert [text[: len(words)] for text, words in zip(texts, told, strict=True)] == told


@pytest.mark.parametrize(("generated", "shown"), [(0, 70), (10, 77), (0, 1), (30, 60), (0, 0)])
def test_how_many_more_would_be_fine(generated: int, shown: int) -> None:
    """As many as `room` says stay within the limit, and one more would not."""
    share = Share(generated, shown)
    room = share.room()
    assert share.is_over() or not share.with_more(room, 1).is_over()
    assert share.with_more(room + 1, 1).is_over()
    assert Share(0, 70).room(MOST_GENERATED) == 30  # of a hundred then


def test_what_came_in_as_generated_is_known(tmp_path: Path) -> None:
    """“choose your best generations (i.e., the most accurate representation of your model)”"""
    root = draw_dataset(tmp_path, [(32, 32)] * 2)
    data = scan_dataset(root)
    assert about_generated(data) == []
    Sources.open(root).record(Source(sha256=data.images[0].sha256, generated=True))
    assert len(about_generated(data)) == 1
