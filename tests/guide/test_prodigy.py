"""Guide, "Prodigy": what it changes, and for which sets."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.recipe.checks import apply_fix, check_dataset, check_recipe
from lorabake.recipe.presets import load_recipe
from tests.guide.values import Row, can_be_chosen, each_value, value_of
from tests.recipe.datasets import concept, dataset

PRODIGY = "pdxl+prodigy"

CHANGES: list[Row] = [
    ("optimizer: Prodigy", (PRODIGY, "nai15+prodigy"), "optimizer.type", "prodigy"),
    ("learning_rate: 0.5 or 1", (PRODIGY,), "optimizer.unet_lr", 1),
    ("unet lr and tenc lr are the same", (PRODIGY,), "optimizer.text_encoder_lr", 1),
    ("network_dim: 32/32 or 16/16", (PRODIGY,), "network.network_dim", 16),
    ("network_alpha: 32/32 or 16/16", (PRODIGY,), "network.network_alpha", 16),
    ("constant_with_warmup", (PRODIGY,), "optimizer.lr_scheduler", "constant_with_warmup"),
    ("lr_warmup_ratio: 0.05", (PRODIGY,), "optimizer.warmup_ratio", 0.05),
    ("decouple=True", (PRODIGY,), "optimizer.args.decouple", True),
    ("weight_decay=0.01", (PRODIGY,), "optimizer.args.weight_decay", 0.01),
    ("betas=[0.9,0.999]", (PRODIGY,), "optimizer.args.betas", [0.9, 0.999]),
    ("d_coef=2", (PRODIGY,), "optimizer.args.d_coef", 2),
    ("use_bias_correction=True", (PRODIGY,), "optimizer.args.use_bias_correction", True),
    ("safeguard_warmup=True", (PRODIGY,), "optimizer.args.safeguard_warmup", True),
    ("For epochs, just set it to 20", (PRODIGY,), "general.epochs", 20),
]


@each_value(CHANGES)
def test_the_overlay_has_the_guides_value(preset: str, key: str, value: Any) -> None:
    assert value_of(load_recipe(preset), key) == value


@pytest.mark.parametrize(
    ("preset", "key", "value", "sentence"),
    [
        (PRODIGY, "unet_lr", 0.5, "learning_rate: 0.5 or 1"),
        (PRODIGY, "network_dim", 32, "32/32 or 16/16"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_what_the_guide_offers_instead_can_be_chosen(
    preset: str, key: str, value: Any, sentence: str
) -> None:
    assert can_be_chosen(preset, key, value)


def about(images: int, repeats: int, **changes: Any) -> set[str]:
    found = check_dataset(
        dataset(concept(images, repeats, tags=("from side", "from behind"))),
        load_recipe(PRODIGY, changes),
    )
    return {one.id for one in found}


def test_the_guides_example() -> None:
    """“try shooting for 100 steps. For example, if I have 20 images, I would go with 5 repeats.”

    Its numbers leave nothing to say, at either batch size; but where to look is worth a word.
    """
    assert about(20, 5) == about(20, 5, batch_size=1) == {"prodigy.look"}
    assert check_recipe(load_recipe(PRODIGY)) == []


def test_repeats_for_100() -> None:
    found = check_dataset(dataset(concept(20, 1)), load_recipe(PRODIGY))
    (advice,) = [one for one in found if one.id == "prodigy.epoch"]
    assert advice.fix is not None
    assert advice.fix.repeats == {"1_ohwx": 5}


def test_where_the_best_file_is() -> None:
    """“It'll typically be around 800 steps or so.”"""
    found = check_dataset(dataset(concept(20, 5)), load_recipe(PRODIGY))
    (advice,) = [one for one in found if one.id == "prodigy.look"]
    assert "epoch 16" in advice.text  # 16 epochs of 50 steps


@pytest.mark.parametrize(
    ("images", "repeats", "expected"),
    [(25, 4, set()), (30, 3, set()), (60, 2, {"prodigy.large"}), (8, 12, {"prodigy.small"})],
)
def test_for_which_sets(images: int, repeats: int, expected: set[str]) -> None:
    """“recommended for small datasets … around 20 to 30 images” · “The model will be burnt to a crisp.”"""
    assert about(images, repeats) - {"prodigy.look"} == expected


@pytest.mark.parametrize(
    ("changes", "id", "sentence"),
    [
        ({"unet_lr": 0.5}, "prodigy.rates", "unet lr and tenc lr are the same"),
        ({"network_alpha": 8}, "prodigy.dims", "32/32 or 16/16"),
        ({"lr_scheduler": "cosine"}, "prodigy.schedule", "lr_scheduler: constant_with_warmup"),
        ({"warmup_ratio": 0}, "warmup.none", "lr_warmup_ratio: 0.05"),
        ({"epochs": 5}, "prodigy.epochs", "For epochs, just set it to 20."),
    ],
)
def test_what_is_otherwise_can_be_set_right_with_one_click(
    changes: dict[str, Any], id: str, sentence: str
) -> None:
    recipe = load_recipe(PRODIGY, changes)
    found = {one.id: one for one in check_recipe(recipe)}
    assert id in found
    for one in found.values():
        assert one.fix is not None
        recipe = apply_fix(recipe, one.fix)
    assert check_recipe(recipe) == []
    assert recipe.optimizer == load_recipe(PRODIGY).optimizer
