"""Guide, "What is a DoRA?", and what it says of GLoRAs."""

from __future__ import annotations

from typing import Any

from lorabake.recipe.checks import apply_fix, check_recipe
from lorabake.recipe.presets import load_recipe
from tests.guide.values import Row, each_value, value_of

DORA, GLORA = "pdxl+dora", "pdxl+glora"

CHANGES: list[Row] = [
    ("LoRA Type: LoCon (LyCORIS)", (DORA,), "network.type", "locon"),
    ("Conv Dim/Alpha: 8/4", (DORA,), "network.conv_dim", 8),
    ("Conv Dim/Alpha: 8/4, the alpha", (DORA,), "network.conv_alpha", 4),
    ("DoRA: True", (DORA,), "network.dora", True),
    ("Unet Learning Rate: 5e-5 or 0.00005", (DORA,), "optimizer.unet_lr", 5e-5),
    ("Take the above PDXL settings: dim", (DORA,), "network.network_dim", 8),
    ("Take the above PDXL settings: TE", (DORA,), "optimizer.text_encoder_lr", 1e-6),
    ("GLoRAs … I use to train styles", (GLORA,), "network.type", "glora"),
]


@each_value(CHANGES)
def test_an_overlay_has_the_guides_value(preset: str, key: str, value: Any) -> None:
    assert value_of(load_recipe(preset), key) == value


def test_a_dora_that_is_only_switched_on() -> None:
    """“LoRA Type: LoCon (LyCORIS)” · “Unet Learning Rate: 5e-5 or 0.00005”"""
    recipe = load_recipe("pdxl", {"dora": True})
    advice = {one.id: one for one in check_recipe(recipe)}
    assert advice.keys() == {"dora.type", "dora.rate"}
    for one in advice.values():
        assert one.fix is not None
        recipe = apply_fix(recipe, one.fix)
    assert check_recipe(recipe) == []
    guide = load_recipe(DORA)
    assert (recipe.network, recipe.optimizer) == (guide.network, guide.optimizer)
