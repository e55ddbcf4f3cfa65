"""Guide, "Is it Ready?": files by epoch, under the names that an X/Y/Z plot writes."""

from __future__ import annotations

from pathlib import Path

from lorabake.core.run import Run
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import load_recipe
from tests.guide.values import PDXL
from tests.recipe.datasets import concept, dataset


def test_there_is_a_file_for_every_epoch() -> None:
    """“You can choose to either download a few of your latest epochs or all of them.”"""
    assert make_plan(dataset(concept(20, 2)), load_recipe(PDXL)).files == 10


def test_epochs_are_found_in_file_names_as_the_xy_plot_writes_them(tmp_path: Path) -> None:
    """“<lora:hsr_kafka-10:1.0> … in X values, you'll type something like -10, -09, -08, -07”"""
    for name in ("hsr_kafka-10", "hsr_kafka-09", "hsr_kafka-08", "hsr_kafka-07", "hsr_kafka"):
        (tmp_path / f"{name}.safetensors").touch()
    found = Run(tmp_path).checkpoints()
    assert [(file.path.stem[-3:], file.epoch) for file in found] == [
        ("-07", 7),
        ("-08", 8),
        ("-09", 9),
        ("-10", 10),
    ]
