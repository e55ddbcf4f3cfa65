"""The promises of docs/performance.md, as ratios within one run. Those of the models take minutes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabake.captions.items import Item
from lorabake.captions.process import apply, preview
from lorabake.captions.settings import ProcessSettings
from lorabake.core.caption import read_caption
from lorabake.core.history import open_history
from lorabake.tag.apply import preview_tags
from lorabake.tag.settings import TagSettings
from tests.tag.many import many_scored

# Four times as many captions may take four times as long. Twice that is left for caches and a
# busy machine; what grows with the square would take sixteen times as long.
FEW, MANY, AT_MOST = 250, 1000, 8.0
EVERYTHING = ProcessSettings(
    tags_to_add="trigger",
    tags_to_emphasise="tag 1",
    tags_to_remove="tag 2, tag 3*",
    replace="tag 4 = tag 5, tag 6",
    regex_find="^tag (7.)$",
    regex_replace=r"\1",
    rare_below=3,
    redundancy="both",
    consolidate="all",
    sort="frequency",
)


@pytest.fixture
def captions(tmp_path: Path) -> list[Item]:
    """1,000 captions on disk, of tags as boards have them: few common, many rare."""
    rng = random.Random(0)
    names = [f"tag {number}" for number in range(1500)]
    weights = [1 / (rank + 3) for rank in range(len(names))]
    items = []
    for number in range(MANY):
        image = tmp_path / f"{number:04d}.png"
        path = image.with_suffix(".txt")
        path.write_text(", ".join(rng.choices(names, weights, k=30)), encoding="utf-8")
        read = read_caption(path)
        items.append(Item(f"1_many/{image.name}", image, read.text, read.hash, "1_many", "many"))
    return items


def shortest(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of processor time: other work on the machine does not count."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def test_a_preview_grows_with_the_captions_and_no_faster(captions: list[Item]) -> None:
    few = shortest(lambda: preview(captions[:FEW], EVERYTHING))
    many = shortest(lambda: preview(captions, EVERYTHING))
    assert many <= AT_MOST * few, (few, many)


def test_writing_and_undoing_grow_with_the_captions_and_no_faster(
    captions: list[Item], tmp_path: Path
) -> None:
    usual = ProcessSettings(tags_to_add="trigger")

    def there_and_back(count: int) -> None:
        some = captions[:count]
        done = apply(tmp_path, some, preview(some, usual), "Bench")
        assert len(done.changed) == count
        open_history(tmp_path).undo()

    few = shortest(lambda: there_and_back(FEW), 2)
    many = shortest(lambda: there_and_back(MANY), 2)
    assert many <= AT_MOST * few, (few, many)


def test_a_threshold_costs_by_the_pictures_and_no_more(tmp_path: Path) -> None:
    workspace, dataset = many_scored(tmp_path, MANY)
    ids = [f"1_many/{number}.png" for number in range(MANY)]

    def count(of: int) -> None:
        found = preview_tags(dataset, workspace.index, TagSettings(threshold=0.4), ids[:of])
        assert len(found.changes) == of

    count(MANY)  # the probabilities are read once
    few, many = shortest(lambda: count(FEW)), shortest(lambda: count(MANY))
    assert many <= AT_MOST * few, (few, many)


# What follows loads torch or onnxruntime, for seconds, and so imports where it is needed.


@pytest.mark.slow
def test_a_training_step_costs_little_more_than_the_bare_model(tmp_path: Path) -> None:
    from lorabake.recipe.models import SHIPPED
    from tests.bench.speed import training

    ours, bare = training(SHIPPED["practice"], tmp_path)
    assert ours / bare <= 1.15


@pytest.mark.slow
def test_a_grid_costs_little_more_than_bare_sampling(tmp_path: Path) -> None:
    from lorabake.recipe.models import SHIPPED
    from tests.bench.grids import grid_and_bare

    cell, bare, _ = grid_and_bare(SHIPPED["practice"], tmp_path)
    assert cell / bare <= 1.1


@pytest.mark.slow
def test_tagging_costs_little_more_than_bare_onnxruntime(tmp_path: Path) -> None:
    from tests.bench.tagging import throughput

    ours, bare = throughput(tmp_path)
    assert ours / bare >= 0.95
