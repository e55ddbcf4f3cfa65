"""Load settings…, Save settings as…: files of other trainers, of ours, of a LoRA, of somebody hostile."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.errors import LorabakeError
from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import compose, recipe_to_toml
from lorabake.ui import exchanging, recipes
from lorabake.ui.chosen import change, read_chosen
from lorabake.ui.place import Place, open_place
from lorabake.ui.uploads import batch_folder
from tests.ui.browsing import make_project

NAME = "kafka"
BATCH = "1234567890"
SECRET = "s3cr3t-0123456789"
HOSTILE = "<img src=x onerror=window.hacked=1> ${window.hacked=1}"
LETS = f"""
[[subsets]]
num_repeats = 7
image_dir = "C:/pictures/5_kafka"
shuffle_caption = true
keep_tokens = 2

[train_mode]
train_mode = "lora"

[general_args.args]
pretrained_model_name_or_path = "C:/models/pony.safetensors"
sdxl = true
max_train_epochs = 12
xformers = true
wandb_api_key = "{SECRET}"

[general_args.dataset_args]
resolution = 1024
batch_size = 2

[network_args.args]
network_dim = 24
network_alpha = 12.0

[optimizer_args.args]
optimizer_type = "Came"
lr_scheduler = "cosine"
lr_scheduler_type = "LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts"
unet_lr = 0.0001
text_encoder_lr = 1e-6

[saving_args.args]
output_name = "{HOSTILE}"

[bucket_args.dataset_args]
enable_bucket = true
"""
CONFIG = """
pretrained_model_name_or_path = "/models/illustrious-xl.safetensors"
network_module = "networks.lora"
network_dim = 20
network_alpha = 10
unet_lr = 0.0003
max_train_epochs = 4
"""
DATASET = """
[[datasets]]
resolution = 768
batch_size = 3
[[datasets.subsets]]
image_dir = "/pictures/5_other"
num_repeats = 5
"""


@pytest.fixture
def place(workspace: Path) -> Place:
    make_project(workspace, NAME, {"a": "kafka, one", "b": "kafka, two"}, folder="2_kafka")
    return open_place(Workspace.open(workspace))


def upload(**files: str | bytes) -> None:
    """What the upload route leaves behind; names are written with a `__` for the dot."""
    folder = batch_folder(BATCH)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)


def ask(function: Any, **data: Any) -> dict[str, Any]:
    return dict(function({"project": NAME, "batch": BATCH, **data}))


def header_alone(notes: dict[str, str]) -> bytes:
    """The start of a LoRA, as the page sends it: a header that speaks of weights that did not come."""
    tensor = {"dtype": "F16", "shape": [1000, 1000], "data_offsets": [0, 2_000_000]}
    body = json.dumps({"lora_unet_x.lora_down.weight": tensor, "__metadata__": notes}).encode()
    return struct.pack("<Q", len(body)) + body


def test_a_lets_file_is_shown_then_used_then_undone(place: Place) -> None:
    upload(mine__toml=LETS)
    before = read_chosen(place.project(NAME))
    found = ask(exchanging.lb_load)
    assert found["kind"] == "settings of LoRA Easy Training Scripts"
    changes = {change["key"]: change for change in found["changes"]}
    assert changes["network.network_dim"]["after"] == "24"
    assert changes["general.epochs"] | {"before": "10"} == changes["general.epochs"]
    assert any("pony.safetensors" in line for line in found["not_honoured"])
    assert any("xformers" in line for line in found["not_honoured"])
    assert any("wandb_api_key is a secret" in line for line in found["warnings"])
    assert SECRET not in json.dumps(found)
    assert read_chosen(place.project(NAME)) == before, "nothing is changed by looking"

    said = ask(exchanging.lb_use, folders=True)["said"]
    assert "1 folder got repeats" in said
    chosen = read_chosen(place.project(NAME))
    assert (chosen.recipe.network.network_dim, chosen.recipe.general.epochs) == (24, 12)
    assert chosen.recipe.model.base == before.recipe.model.base, "a model that is not here"
    assert chosen.preset == "pdxl", "what differs least"
    assert chosen.recipe.title == HOSTILE
    (concept,) = place.shelf(NAME).dataset.concepts
    assert concept.repeats == 7
    assert not batch_folder(BATCH).exists()
    assert SECRET not in place.project(NAME).settings_path.read_text(encoding="utf-8")
    recipes.lb_undo({"project": NAME})
    assert read_chosen(place.project(NAME)).recipe == before.recipe


def test_the_pair_of_sd_scripts_is_read_in_any_order(place: Place) -> None:
    upload(a_dataset__toml=DATASET, b_config__toml=CONFIG)
    found = ask(exchanging.lb_load)
    assert found["kind"] == "settings of sd-scripts"
    assert found["name"] == "a_dataset.toml and b_config.toml"
    after = {change["key"]: change["after"] for change in found["changes"]}
    assert (after["network.network_dim"], after["general.resolution"]) == ("20", "768")
    assert after["general.batch_size"] == "3"
    assert found["matching"] == 0, "no folder of the project is called 5_other"


def test_our_own_file_changes_nothing_but_what_it_says(place: Place) -> None:
    upload(own__toml=recipe_to_toml(compose("nai15", ["style"])))
    assert ask(exchanging.lb_load)["kind"] == "settings of lorabake"
    ask(exchanging.lb_use)
    chosen = read_chosen(place.project(NAME))
    assert chosen.preset == "nai15"
    assert chosen.recipe.general == compose("nai15", ["style"]).general
    assert chosen.recipe.family == "sd15"


def test_of_a_lora_the_header_is_enough(place: Place) -> None:
    notes = {
        "ss_network_dim": "40",
        "ss_network_alpha": "20.0",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_unet_lr": "0.0002",
        "ss_num_epochs": "6",
        "ss_output_name": HOSTILE,
    }
    upload(finished__safetensors=header_alone(notes))
    found = ask(exchanging.lb_load)
    assert (found["name"], found["kind"]) == (
        "finished.safetensors",
        "what a finished LoRA says of its training",
    )
    after = {change["key"]: change["after"] for change in found["changes"]}
    assert (after["network.network_dim"], after["general.epochs"]) == ("40", "6")
    assert "error" not in ask(exchanging.lb_use)
    assert read_chosen(place.project(NAME)).recipe.network.network_dim == 40
    uploads = batch_folder(BATCH).parent
    assert list(uploads.iterdir()) == []


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"x__toml": ""},
        {"x__toml": "no toml at all ["},
        {"x__toml": "a" + ".b" * 30_000 + " = 1"},
        {"x__toml": "[general]\nepochs = 'many'"},
        {"x__toml": "[general]\nno_such = 1"},
        {"x__toml": b"\xff\xfe\x00"},
        {"x__safetensors": b"\x02\x00"},
        {"x__safetensors": struct.pack("<Q", 2**62) + b"{}"},
        {"x__safetensors": struct.pack("<Q", 2) + b"[]"},
        {"x__safetensors": struct.pack("<Q", 2) + b"{}"},
        {"x__safetensors": header_alone({})},
        {"x__safetensors": struct.pack("<Q", 40_000) + b"[" * 40_000},
        {"x__safetensors": header_alone({}), "y__toml": LETS},
        {"x__toml": LETS, "y__toml": LETS, "z__toml": LETS},
        {"x__png": b"\x89PNG"},
    ],
)
def test_what_is_no_settings_file_is_refused_in_a_sentence(
    place: Place, files: dict[str, str | bytes]
) -> None:
    upload(**files)
    for function in (exchanging.lb_load, exchanging.lb_use):
        answer = ask(function)
        assert len(answer["error"]) > 20
        assert "inside lorabake" not in answer["error"]
    assert read_chosen(place.project(NAME)).changes == {}


@pytest.mark.parametrize("batch", ["", "../../x", "12ab", "1" * 100])
def test_batches_are_numbers_only(place: Place, batch: str) -> None:
    for function in (exchanging.lb_load, exchanging.lb_use, exchanging.lb_leave):
        assert "error" in function({"project": NAME, "batch": batch})


# --- downloads ---------------------------------------------------------------------------------


def test_settings_leave_as_they_came(place: Place) -> None:
    """LETS in, LETS out: equal as data, but for the secret."""
    from lorabake.core.toml import parse_toml

    upload(mine__toml=LETS)
    ask(exchanging.lb_use)
    name, content = exchanging.settings_file(NAME, "lets")
    assert name == "kafka-easy-training-scripts.toml"
    wanted = parse_toml(LETS, "lets")
    del wanted["general_args"]["args"]["wandb_api_key"]
    # The base model of the file is not here, so it is the project's own now.
    wanted["general_args"]["args"]["pretrained_model_name_or_path"] = "practice"
    assert parse_toml(content, "lets") == wanted
    assert SECRET not in content


@pytest.mark.parametrize("kind", exchanging.KINDS)
def test_every_form_can_be_loaded_again(place: Place, kind: str) -> None:
    recipes.lb_set({"project": NAME, "key": "network.network_dim", "value": "33"})
    files = {name: exchanging.settings_file(NAME, name)[1] for name in exchanging.KINDS}
    upload(a__toml=files[kind])
    if kind.startswith("sd-"):
        upload(b__toml=files["sd-dataset" if kind == "sd-config" else "sd-config"])
    recipes.lb_preset({"project": NAME, "preset": "practice"})
    assert "error" not in ask(exchanging.lb_use)
    assert read_chosen(place.project(NAME)).recipe.network.network_dim == 33


def test_other_forms_and_projects_are_refused(place: Place) -> None:
    for project, kind in ((NAME, "zip"), ("nobody", "lets"), ("../kafka", "lets")):
        with pytest.raises(LorabakeError):
            exchanging.settings_file(project, kind)


def test_what_a_saved_file_cannot_say_is_said(place: Place) -> None:
    change(place.project(NAME), "optimizer.ema", True)
    answer = ask(exchanging.lb_cautions, kind="lets")
    assert any("EMA" in line for line in answer["cautions"])
    assert ask(exchanging.lb_cautions, kind="lorabake") == {"cautions": []}
    assert "error" in ask(exchanging.lb_cautions, kind="../lets")
