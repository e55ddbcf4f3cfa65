"""Settings that do not go together are named before a bake, each with its own sentence."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.core.errors import RecipeError
from lorabake.recipe.checks import check_recipe, refuse_impossible
from lorabake.recipe.presets import load_recipe, preset_names
from lorabake.recipe.sample_prompts import SamplePrompt, parse_prompts

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("stop", {"network.type": "loha", "dora": True}, "DoRA is a switch"),
    ("stop", {"network.type": "glora", "scale_weight_norms": 1}, "not defined for a GLoRA"),
    ("stop", {"noise_offset": 0.1, "multires_noise_iterations": 6}, "cannot be combined"),
    ("stop", {"min_timestep": 500, "max_timestep": 500}, "must be below the highest"),
    ("stop", {"keep_tokens_separator": ","}, "cannot hold a comma"),
    ("stop", {"sample_prompts": "a girl --w 3"}, "--w in a sample prompt"),
    ("stop", {"sample_prompts": "a girl --quick"}, "--quick in a sample prompt"),
    ("warn", {"dora": True, "wd_on_output": True}, "drawn wrongly by A1111"),
    ("warn", {"optimizer.type": "prodigy"}, "should be equal"),
    (
        "warn",
        {"optimizer.type": "prodigy", "unet_lr": 1e-4, "text_encoder_lr": 1e-4},
        "next to nothing",
    ),
    ("warn", {"unet_lr": 1}, "will burn the LoRA"),
    ("warn", {"min_snr_gamma": 5, "debiased_estimation_loss": True}, "Choose one of them"),
    ("warn", {"model.base": "practice"}, "learns next to nothing at"),
    ("hint", {"optimizer.type": "adamw_schedulefree"}, "needs no schedule"),
    ("hint", {"color_aug": True}, "goes through the VAE at every step"),
    ("hint", {"sample_every_n_epochs": 1}, "no prompt under Sample images"),
    ("hint", {"dim_from_weights": True}, "no LoRA to start from"),
]


@pytest.mark.parametrize(("level", "changes", "words"), CASES, ids=[words for *_, words in CASES])
def test_a_contradiction_is_named(level: str, changes: dict[str, Any], words: str) -> None:
    found = check_recipe(load_recipe("pdxl", changes))
    assert [advice.level for advice in found if words in advice.text] == [level]
    if level == "stop":
        with pytest.raises(RecipeError, match=words.replace("(", r"\(")):
            refuse_impossible(found)


@pytest.mark.parametrize("preset", preset_names())
def test_no_preset_contradicts_itself(preset: str) -> None:
    assert not [advice for advice in check_recipe(load_recipe(preset)) if advice.level == "stop"]
    assert not [advice for advice in check_recipe(load_recipe(preset)) if advice.level == "warn"]


def test_sample_prompts_are_read_as_sd_scripts_reads_them() -> None:
    text = """
    # a remark
    ohwx, 1girl -- smile, twin--tails --n lowres, bad hands --w 832 --h 1216 --d 42 --s 20 --l 7.5
    ohwx, standing --ss k_euler_a
    """
    recipe = load_recipe("pdxl", {"sample_prompts": text, "seed": 9, "sample_sampler": "DDIM"})
    first, second = parse_prompts(recipe)
    assert first == SamplePrompt(
        "ohwx, 1girl -- smile, twin--tails",
        "lowres, bad hands",
        832,
        1216,
        seed=42,
        steps=20,
        cfg=7.5,
        sampler="DDIM",
    )
    assert (second.prompt, second.seed, second.sampler) == ("ohwx, standing", 9, "Euler a")


def test_too_many_sample_prompts_are_refused() -> None:
    with pytest.raises(RecipeError, match="too many"):
        parse_prompts(load_recipe("pdxl", {"sample_prompts": "a\n" * 17}))
