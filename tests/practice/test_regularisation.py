from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.core.dataset import scan_dataset
from lorabake.practice import SAMPLE_TRIGGER
from lorabake.practice.compare import NETWORKS
from lorabake.practice.regularisation import write_regularisation
from lorabake.practice.sample_project import write_sample
from lorabake.recipe.checks import check_dataset, check_recipe
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import load_recipe


def test_others_are_marked_and_say_nothing_of_looks(tmp_path: Path) -> None:
    write_sample(tmp_path)
    write_regularisation(tmp_path, 120)
    dataset = scan_dataset(tmp_path)
    others, sample = sorted(dataset.concepts, key=lambda concept: not concept.is_reg)
    assert (others.is_reg, sample.is_reg) == (True, False)
    for image in others.images:
        assert len(image.caption.tags) == 4
        assert not {SAMPLE_TRIGGER} & set(image.caption.tags)
        assert not [tag for tag in image.caption.tags if tag.endswith((" hair", " eyes"))]
    recipe = load_recipe("practice")
    assert not [advice for advice in check_dataset(dataset, recipe) if advice.level == "stop"]
    plan = make_plan(dataset, recipe)
    assert (plan.seen_per_epoch, plan.reg_images, plan.total_steps) == (120, 120, 600)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_comparison_can_be_baked(name: str) -> None:
    advice = check_recipe(load_recipe("practice", NETWORKS[name]))
    assert not [remark for remark in advice if remark.level in ("stop", "warn")]
