"""The notes in a LoRA: of every setting, readable, and nothing that belongs to this computer alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.dataset import Dataset
from lorabake.engine.base_hash import BaseIdentity
from lorabake.engine.lora_metadata import Progress, lora_metadata
from lorabake.recipe.exchange import read_settings
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import compose, overlay_names, preset_names, recipe_from_text
from lorabake.recipe.recipe import Recipe, recipe_to_mapping, with_setting
from tests.recipe.datasets import concept

HOME, SECRET = "/home/fake-user", "made-up-secret-value"


def dataset() -> Dataset:
    kafka, other = concept(4, 5, "kafka"), concept(3, 1, "1girl")
    here = Path(HOME) / "pictures"
    kafka = replace(kafka, folder=here / "5_kafka", settings=ConceptSettings(keep_tokens=2))
    other = replace(other, folder=here / "1_1girl", settings=ConceptSettings(is_reg=True))
    return Dataset(here, (kafka, other))


def notes(recipe: Recipe, prediction: str = "epsilon") -> dict[str, str]:
    data = dataset()
    return lora_metadata(
        recipe_to_mapping(recipe),
        name="kafka",
        plan=make_plan(data, recipe).to_mapping(),
        dataset=data,
        base=BaseIdentity("pony.safetensors", "0" * 8, "0" * 64),
        progress=Progress(epoch=1, step=2, started=1.0, finished=2.0, session=3),
        prediction=prediction,
    )


@pytest.mark.parametrize("overlay", overlay_names())
@pytest.mark.parametrize("preset", preset_names())
def test_a_lora_says_how_it_was_made(preset: str, overlay: str) -> None:
    recipe = compose(preset, [overlay], {"optimizer.huber_c": 0.2, "noise_offset": 0.05})
    found = notes(recipe)
    assert (found["ss_huber_c"], found["ss_noise_offset"]) == ("0.2", "0.05")
    assert found["ss_lr_scheduler"] == recipe.optimizer.lr_scheduler
    assert int(found["ss_network_dim"]) == recipe.network.network_dim
    for key in ("ss_network_args", "ss_datasets", "ss_tag_frequency", "ss_bucket_info"):
        json.loads(found[key])
    assert recipe_from_text(found["lorabake.recipe"], "own") == recipe


def test_an_optimizer_without_a_schedule_is_not_said_to_have_one() -> None:
    recipe = compose("pdxl", [], {"optimizer.type": "adamw_schedulefree"})
    assert notes(recipe)["ss_lr_scheduler"] == "constant_with_warmup"


def test_regularisation_folders_are_kept_apart() -> None:
    found = notes(compose("pdxl"), "v")
    assert list(json.loads(found["ss_dataset_dirs"])) == ["5_kafka"]
    assert list(json.loads(found["ss_reg_dataset_dirs"])) == ["1_1girl"]
    assert list(json.loads(found["ss_tag_frequency"])) == ["5_kafka"]
    assert found["modelspec.trigger_phrase"] == "kafka"
    assert found["modelspec.prediction_type"] == "v"
    first, second = json.loads(found["ss_datasets"])[0]["subsets"]
    assert (first["keep_tokens"], second["keep_tokens"], second["is_reg"]) == (2, 1, True)


def test_nothing_of_this_computer_and_no_secret_leaves_it() -> None:
    recipe = compose("pdxl")
    for key in ("model.base", "model.vae", "network.network_weights"):
        recipe = with_setting(recipe, key, f"{HOME}/x.safetensors")
    recipe = replace(recipe, kept={"lets": f'wandb_api_key = "{SECRET}"\nimage_dir = "{HOME}"'})
    everything = json.dumps(notes(recipe))
    assert HOME not in everything
    assert "fake-user" not in everything
    assert SECRET not in everything


def test_a_lets_files_paths_stay_out_of_the_lora() -> None:
    file = Path(__file__).parents[1] / "recipe" / "exchange" / "sdxl_12gb.toml"
    everything = json.dumps(notes(read_settings(file).recipe))
    assert "D:/" not in everything
    assert "made-up-secret" not in everything
