"""The notes in a LoRA: of every setting, readable, and nothing that belongs to this computer alone."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.dataset import Dataset
from lorabake.engine.base_hash import BaseIdentity
from lorabake.engine.lora_metadata import Progress, lora_metadata
from lorabake.engine.networks.settings import NETWORK_TYPES
from lorabake.engine.optimizers import OPTIMIZERS, optimizer_settings
from lorabake.recipe.exchange import read_settings
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import compose, overlay_names, preset_names, recipe_from_text
from lorabake.recipe.recipe import Recipe, recipe_to_mapping, with_setting
from tests.recipe.datasets import concept

# What sd-scripts always writes, and what it writes flat or as ss_datasets; both are here.
ALWAYS = """
session_id training_started_at training_finished_at output_name learning_rate text_encoder_lr unet_lr
num_train_images num_validation_images num_reg_images num_batches_per_epoch num_epochs epoch steps
max_train_steps lr_warmup_steps lr_scheduler gradient_checkpointing gradient_accumulation_steps
network_module network_dim network_alpha network_dropout network_args mixed_precision full_fp16 v2
base_model_version clip_skip max_token_length cache_latents seed lowram noise_offset
noise_offset_random_strength multires_noise_iterations multires_noise_discount adaptive_noise_scale
ip_noise_gamma ip_noise_gamma_random_strength zero_terminal_snr min_snr_gamma scale_weight_norms
debiased_estimation loss_type huber_schedule huber_scale huber_c prior_loss_weight optimizer
max_grad_norm caption_dropout_rate caption_dropout_every_n_epochs caption_tag_dropout_rate
face_crop_aug_range training_comment sd_scripts_commit_hash fp8_base fp8_base_unet validation_seed
validation_split max_validation_steps validate_every_n_epochs validate_every_n_steps
resize_interpolation sd_model_name sd_model_hash new_sd_model_hash vae_name vae_hash new_vae_hash
datasets batch_size_per_device total_batch_size resolution color_aug flip_aug random_crop
shuffle_caption enable_bucket bucket_no_upscale min_bucket_reso max_bucket_reso keep_tokens
reg_dataset_dirs bucket_info tag_frequency dataset_dirs
"""
MODELSPEC = (
    "sai_model_spec architecture implementation implementation_version title resolution date "
    "prediction_type trigger_phrase usage_hint"
)
WHOLE = "num_train_images num_reg_images num_epochs epoch steps network_dim seed session_id"
NUMBERS = (
    "training_started_at training_finished_at learning_rate unet_lr network_alpha huber_c "
    "prior_loss_weight max_grad_norm"
)

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


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("kind", [*NETWORK_TYPES, "dora", "locon dora"])
def test_every_note_is_there_and_reads_as_other_programs_expect(
    kind: str, family: str, prediction: str
) -> None:
    dora, network = kind.endswith("dora"), kind.split()[0].replace("dora", "lora")
    changes = {"network.type": network, "network.dora": dora, "validation_split": 0.2}
    found = notes(compose("nai15" if family == "sd15" else "pdxl", [], changes), prediction)
    assert {f"ss_{name}" for name in ALWAYS.split()} <= found.keys()
    assert {f"modelspec.{name}" for name in MODELSPEC.split()} <= found.keys()
    assert all(isinstance(value, str) and value for value in found.values())
    for name in WHOLE.split():
        int(found[f"ss_{name}"])
    for name in NUMBERS.split():
        assert math.isfinite(float(found[f"ss_{name}"])), name
    for name in ("network_args", "datasets", "tag_frequency", "dataset_dirs", "reg_dataset_dirs"):
        assert isinstance(json.loads(found[f"ss_{name}"]), list if name == "datasets" else dict)

    # A1111 shows these: the filter by family, sizes of buckets, counts of folders.
    version = found["ss_base_model_version"]
    assert (version.startswith("sdxl_"), found["ss_v2"]) == (family == "sdxl", "False")
    architecture = {"sd15": "stable-diffusion-v1/lora", "sdxl": "stable-diffusion-xl-v1-base/lora"}
    assert found["modelspec.architecture"] == architecture[family]
    for bucket in json.loads(found["ss_bucket_info"])["buckets"].values():
        assert (len(bucket["resolution"]), bucket["count"] > 0) == (2, True)
    folders = json.loads(found["ss_dataset_dirs"])
    assert folders == {"5_kafka": {"n_repeats": 5, "img_count": 4}}
    datetime.fromisoformat(found["modelspec.date"])

    assert found["modelspec.prediction_type"] == prediction
    assert (found["ss_clip_skip"], "modelspec.encoder_layer" in found) == (
        ("2", True) if family == "sd15" else ("None", False)
    )
    lycoris = network in ("loha", "lokr", "glora") or dora
    assert found["ss_network_module"] == ("lycoris.kohya" if lycoris else "networks.lora")
    args = json.loads(found["ss_network_args"])
    assert (args.get("algo"), args.get("dora_wd")) == (
        (network if lycoris else None),
        ("True" if dora else None),
    )


@pytest.mark.parametrize("preset", ["pdxl", "nai15"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.names)
def test_the_notes_alone_read_back_as_the_same_training(
    optimizer: str, preset: str, tmp_path: Path
) -> None:
    """As somebody's other program would, without our own copy of the recipe."""
    recipe = compose(preset, [], {"optimizer.type": optimizer, "network.dim_from_weights": False})
    found = {key: text for key, text in notes(recipe).items() if not key.startswith("lorabake")}
    header = json.dumps({"__metadata__": found}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    again = read_settings(path).recipe
    assert again.network == recipe.network
    for name in ("unet_lr", "text_encoder_lr", "min_snr_gamma", "loss_type", "type"):
        assert getattr(again.optimizer, name) == getattr(recipe.optimizer, name)
    assert optimizer_settings(optimizer, again.optimizer.args) == optimizer_settings(
        optimizer, recipe.optimizer.args
    )
