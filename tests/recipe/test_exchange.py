"""Settings of other trainers: what they mean here, and that they come back as they were."""

from __future__ import annotations

import json
import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.toml import dump_toml
from lorabake.recipe.exchange import (
    FolderSettings,
    apply_folders,
    differences,
    read_settings,
    write_lets,
    write_sd_scripts,
)
from lorabake.recipe.presets import load_recipe, overlay_names, preset_names, recipe_to_toml
from lorabake.recipe.recipe import with_setting
from tests.bakes import draw_dataset

FILES = Path(__file__).with_name("exchange")
SDXL, FORK = FILES / "sdxl_12gb.toml", FILES / "fork_sd15.toml"
OLD, PRODIGY = FILES / "sd15_example.toml", FILES / "prodigy_strings.toml"
REX = [FILES / f"rex_{which}.toml" for which in ("first", "second", "restarts")]
SECRET = "made-up-secret-value"


def data(path: Path) -> dict[str, Any]:
    contents = tomllib.loads(path.read_text(encoding="utf-8"))
    contents.get("logging_args", {}).get("args", {}).pop("wandb_api_key", None)
    return contents


def test_a_file_for_sdxl_means_what_it_says() -> None:
    found = read_settings(SDXL)
    recipe = found.recipe
    assert (found.source, recipe.family, recipe.model.base) == (
        "lets",
        "sdxl",
        "madeUpXL_v1.safetensors",
    )
    assert (recipe.optimizer.type, recipe.optimizer.args) == ("came", {"weight_decay": 0.08})
    assert recipe.optimizer.lr_scheduler == "rex_annealing_warm_restarts", "cosine is a left-over"
    assert recipe.optimizer.lr_scheduler_num_cycles == 4
    assert (recipe.captions.keep_tokens, recipe.captions.shuffle_caption) == (1, True)
    assert [(f.name, f.repeats, f.settings.flip_aug) for f in found.folders] == [
        ("5_kafka", 5, None),
        ("2_kafka school", 2, True),
    ]


def test_a_forks_file_is_read_as_far_as_it_is_known_and_the_rest_is_listed() -> None:
    found = read_settings(FORK)
    recipe = found.recipe
    assert (recipe.family, recipe.network.type, recipe.network.factor) == ("sd15", "lokr", 8)
    assert (recipe.general.max_train_steps, recipe.general.resolution) == (1200, 627)
    assert (recipe.optimizer.lr_scheduler, recipe.optimizer.min_lr) == ("rex", 0)
    assert recipe.optimizer.unet_lr == recipe.optimizer.text_encoder_lr == 3e-4
    assert recipe.captions.keep_tokens_separator == "|||"
    reg = found.folders[1].settings
    assert (reg.is_reg, reg.mask_folder) == (True, "masks of reg")
    told = "\n".join(found.not_honoured)
    for name in (
        *("lowram", "fp8_base", "fa", "network_args.block_dims", "edm2_loss_weighting"),
        *("optimizer_args.made_up_rounding", "flow_matching_shift", "resolution"),
    ):
        assert f"{name}: " in told


def test_an_old_file_for_sd15_with_bare_numbers() -> None:
    found = read_settings(OLD)
    recipe = found.recipe
    assert (recipe.family, recipe.general.clip_skip, recipe.general.epochs) == ("sd15", 2, 16)
    assert recipe.optimizer.args == {"weight_decay": 0.1, "betas": [0.9, 0.99]}
    assert (recipe.network.type, recipe.network.conv_dim) == ("lora", 16), "kohya's own LoCon"
    assert [f.settings.keep_tokens for f in found.folders] == [1, None]
    assert "3_set b.face_crop_aug_range" in "\n".join(found.not_honoured)


def test_a_newer_file_with_texts_for_v_prediction() -> None:
    recipe = read_settings(PRODIGY).recipe
    assert (recipe.model.prediction, recipe.model.zero_terminal_snr) == ("v", "on")
    assert (recipe.optimizer.args["d_coef"], recipe.optimizer.args["betas"]) == (2, [0.9, 0.999])
    assert (recipe.network.type, recipe.network.dora) == ("locon", True)
    assert (recipe.noise.min_timestep, recipe.noise.max_timestep) == (50, 900)
    assert recipe.general.training_comment == 'say "hi" \\ bye'


@pytest.mark.parametrize(
    ("path", "schedule", "cycles", "floor", "d"),
    [
        (REX[0], "rex", 1, 0, 0.9),
        (REX[1], "rex", 1, 1e-6, 0.9),
        (REX[2], "rex_annealing_warm_restarts", 4, 1e-6, 0.8),
    ],
)
def test_files_of_each_generation_of_rex(
    path: Path, schedule: str, cycles: int, floor: float, d: float
) -> None:
    optimizer = read_settings(path).recipe.optimizer
    assert (optimizer.lr_scheduler, optimizer.lr_scheduler_num_cycles) == (schedule, cycles)
    assert (optimizer.min_lr, optimizer.rex_d, optimizer.restart_decay) == (floor, d, 0.1)
    assert (optimizer.type, optimizer.unet_lr) == ("came", 1e-4)


LETS = [SDXL, FORK, OLD, PRODIGY, *REX]


@pytest.mark.parametrize("path", LETS, ids=lambda path: path.stem)
def test_a_file_comes_back_equal(path: Path) -> None:
    found = read_settings(path)
    assert tomllib.loads(write_lets(found.recipe, found.folders)) == data(path)
    assert tomllib.loads(write_lets(found.recipe)) == data(path)


@pytest.mark.parametrize("path", LETS, ids=lambda path: path.stem)
def test_it_comes_back_equal_through_our_own_file_too(path: Path, tmp_path: Path) -> None:
    first = read_settings(path)
    ours = tmp_path / "own.toml"
    ours.write_text(recipe_to_toml(first.recipe), encoding="utf-8")
    again = read_settings(ours)
    assert (again.source, again.recipe, again.folders) == ("lorabake", first.recipe, first.folders)
    assert tomllib.loads(write_lets(again.recipe, again.folders)) == data(path)


@pytest.mark.parametrize("path", LETS, ids=lambda path: path.stem)
def test_it_means_the_same_as_a_pair_for_sd_scripts(path: Path) -> None:
    found = read_settings(path)
    config, dataset = write_sd_scripts(found.recipe)
    pair = read_settings(config.encode(), "c.toml", dataset=dataset.encode())
    changed = {change.key for change in differences(found.recipe, pair.recipe)} - {"family"}
    assert changed == set()
    assert pair.folders == found.folders


def test_only_what_was_changed_changes() -> None:
    found = read_settings(FORK)
    recipe = with_setting(with_setting(found.recipe, "network_dim", 8), "batch_size", 1)
    wanted = data(FORK)
    wanted["network_args"]["args"]["network_dim"] = 8
    del wanted["general_args"]["dataset_args"]["batch_size"]
    written = tomllib.loads(write_lets(recipe))
    assert written["network_args"] == wanted["network_args"]
    assert written["general_args"]["args"] == wanted["general_args"]["args"]
    assert read_settings(write_lets(recipe).encode()).recipe.general.batch_size == 1


def test_a_secret_is_never_shown_or_kept() -> None:
    found = read_settings(SDXL)
    assert any("wandb_api_key" in warning for warning in found.warnings)
    everything = [repr(found), write_lets(found.recipe), recipe_to_toml(found.recipe)]
    assert not any(SECRET in text for text in [*everything, *write_sd_scripts(found.recipe)])
    assert "D:/" not in "\n".join(found.summary())
    assert "D:/" not in repr(found), "what is kept of the file names folders"


@pytest.mark.parametrize(
    "typed",
    [
        f'lets = """[logging_args.args]\nwandb_api_key = "{SECRET}"\n"""',
        f'lets = """[general_args.args]\nseed = 1 # {SECRET}\n"""',
        f'config = """optimizer_args = ["hf_token={SECRET}", "weight_decay=1"]"""',
        f'wandb_api_key = "{SECRET}"',
        f'[kept.logging_args.args]\nwandb_api_key = "{SECRET}"',
        f'lets = """not TOML, {SECRET}"""',
    ],
)
def test_a_secret_typed_into_our_own_file_is_not_kept_either(typed: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f'title = "mine"\n[kept]\n{typed}\n', encoding="utf-8")
    found = read_settings(own)
    for recipe in (found.recipe, load_recipe(own)):
        everything = [repr(recipe), recipe_to_toml(recipe), write_lets(recipe)]
        assert not any(SECRET in text for text in [*everything, *write_sd_scripts(recipe)])
    assert SECRET not in repr(found)
    assert any("api_key" in line or "token" in line for line in found.warnings) == (
        "api_key" in typed or "token" in typed
    )


@pytest.mark.parametrize(
    ("scheduler", "cycles", "name", "floor"),
    [
        ("LoraEasyCustomOptimizer.CustomOptimizers.Rex", 1, "rex", 0),
        ("LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts", 1, "rex", 1e-6),
        ("LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts", 3,
         "rex_annealing_warm_restarts", 1e-6),
        ("REX", 1, "rex", 1e-6),
        ("LoraEasyCustomOptimizer.CosineAnnealingWarmRestarts.CosineAnnealingWarmRestarts", 2,
         "cosine_annealing_warm_restarts", 1e-6),
        ("LoraEasyCustomOptimizer.CustomOptimizers.CosineAnnealingWarmupRestarts", 2,
         "cosine_annealing_warm_restarts", 1e-6),
    ],
)  # fmt: skip
def test_three_generations_of_rex(scheduler: str, cycles: int, name: str, floor: float) -> None:
    args = {"lr_scheduler": "linear", "lr_scheduler_type": scheduler, "max_train_epochs": 1}
    file = {"optimizer_args": {"args": {**args, "lr_scheduler_num_cycles": cycles}}}
    optimizer = read_settings(dump_toml(file).encode()).recipe.optimizer
    assert (optimizer.lr_scheduler, optimizer.min_lr) == (name, floor)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *(("Came", "came"), ("pytorch_optimizer.optimizer.came.CAME", "came")),
        *(("came_pytorch.CAME.CAME", "came"), ("AdamW8bit", "adamw8bit"), ("AdaFactor", "adafactor")),
        *(("DAdaptAdam", "dadapt_adam"), ("Prodigy", "prodigy"), ("Lion", "lion"), ("AdamW", "adamw")),
    ],
)  # fmt: skip
def test_optimizers_in_all_spellings(written: str, name: str) -> None:
    file = {"optimizer_args": {"args": {"optimizer_type": written}}}
    assert read_settings(dump_toml(file).encode()).recipe.optimizer.type == name


@pytest.mark.parametrize("overlay", ["", *overlay_names()])
@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_goes_out_and_comes_back(preset: str, overlay: str) -> None:
    recipe = load_recipe(f"{preset}+{overlay}" if overlay else preset)
    folder = FolderSettings("5_kafka", "/x/5_kafka", 5)
    # What these formats cannot say: auto, our wording, and what is 0 there anyway.
    quiet = {
        "title",
        "general.gradient_checkpointing",
        "network.conv_alpha",
        "captions.caption_extension",
    }
    quiet |= {"network.target_layers", "model.base", "optimizer.text_encoder_lr"}
    quiet |= {"network.train_text_encoder"}
    lets = read_settings(write_lets(recipe, [folder]).encode())
    config, dataset = write_sd_scripts(recipe, [folder])
    pair = read_settings(config.encode(), "c.toml", dataset=dataset.encode())
    for found in (lets, pair):
        changed = {change.key for change in differences(recipe, found.recipe)} - quiet
        if found is pair:  # these files do not name the family
            changed -= {"family"}
        assert changed == set()
        assert found.folders == [folder]
        assert found.recipe.text_encoder_trains == recipe.text_encoder_trains


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
)
KNOWN = st.sampled_from(
    [
        *("network_dim", "network_alpha", "unet_lr", "text_encoder_lr", "learning_rate", "seed"),
        *("optimizer_type", "lr_scheduler", "lr_scheduler_type", "max_train_epochs", "min_snr_gamma"),
        *("cache_latents", "noise_offset", "loss_type", "mixed_precision", "made_up", "fp8_base"),
    ]
)  # fmt: skip
TABLE = st.dictionaries(
    KNOWN, st.one_of(SCALARS, st.lists(st.integers(0, 9), max_size=3)), max_size=6
)
LETS_FILES = st.fixed_dictionaries(
    {
        "general_args": st.fixed_dictionaries({"args": TABLE, "dataset_args": TABLE}),
        "network_args": st.fixed_dictionaries({"args": TABLE}),
    },
    optional={
        "subsets": st.lists(TABLE, min_size=1, max_size=3),
        "noise_args": st.just({}),
        "fork_args": st.fixed_dictionaries({"args": TABLE}),
    },
)


@settings(max_examples=60, deadline=None)
@given(LETS_FILES)
def test_any_file_comes_back_equal_and_nothing_in_it_breaks_the_reading(file: Any) -> None:
    text = dump_toml(file)
    found = read_settings(text.encode())
    assert tomllib.loads(write_lets(found.recipe, found.folders)) == tomllib.loads(text)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe not text", b"a = ", b"x = 1", b"a" * 10_000_000, b"a=" + b"[" * 5000,
        b"[general_args.args]\nseed = 0x" + b"F" * 5000, b"", b"subsets = 3",
        b"lora = {" + b"x={" * 40 + b"}" * 41,
    ],
    ids=lambda content: repr(content[:16]),
)  # fmt: skip
def test_what_is_no_settings_file_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(LorabakeError):
        read_settings(content, "x.toml")


def test_odd_values_are_listed_and_break_nothing() -> None:
    file = (
        "[network_args.args]\nnetwork_dim = nan\nnetwork_alpha = inf\nnetwork_args = 3\n"
        "[general_args.args]\npretrained_model_name_or_path = 'C:\\models\\a.safetensors'\n"
        "vae = [1]\nseed = 2026-01-01\n[optimizer_args.args]\nunet_lr = -1\ntext_encoder_lr = [[]]\n"
    )
    found = read_settings(file.encode())
    assert found.recipe.model.base == "a.safetensors"
    for name in ("network_dim", "network_alpha", "vae", "seed", "unet_lr", "text_encoder_lr"):
        assert any(line.startswith(f"{name}: ") for line in found.not_honoured), name


def lora_file(path: Path, metadata: dict[str, str]) -> Path:
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def test_settings_of_a_finished_lora(tmp_path: Path) -> None:
    """As the Colab notebooks note them."""
    metadata = json.loads((FILES / "colab_notes.json").read_text(encoding="utf-8"))
    found = read_settings(lora_file(tmp_path / "zeta.safetensors", metadata))
    recipe = found.recipe
    assert (found.source, recipe.family, recipe.general.epochs) == ("lora", "sdxl", 10)
    assert (recipe.optimizer.type, recipe.optimizer.lr_scheduler) == ("came", "rex")
    assert recipe.optimizer.args == {
        "weight_decay": 0.04,
        "betas": [0.9, 0.99, 0.999],
        "eps1": 1e-30,
        "eps2": 1e-16,
    }
    assert recipe.model.base == "made-up-xl.safetensors"
    assert (recipe.general.batch_size, recipe.captions.keep_tokens) == (4, 1)
    assert [(folder.name, folder.repeats) for folder in found.folders] == [("5_zeta", 5)]
    assert (recipe.optimizer.min_snr_gamma, recipe.noise.multires_noise_iterations) == (8, 6)
    assert any("wrong LR scheduler" in line for line in found.warnings)
    lets = read_settings(write_lets(recipe, found.folders).encode())
    assert {c.key for c in differences(recipe, lets.recipe)} == set()
    assert lets.folders == found.folders


def test_our_own_recipe_in_a_lora_is_taken_as_it_is(tmp_path: Path) -> None:
    recipe = load_recipe("pdxl+dora")
    path = lora_file(tmp_path / "a.safetensors", {"lorabake.recipe": recipe_to_toml(recipe)})
    assert read_settings(path).recipe == recipe
    with pytest.raises(RecipeError, match="does not say how it was trained"):
        read_settings(lora_file(tmp_path / "b.safetensors", {}))


def test_folders_are_applied_by_name_and_nothing_else_is_touched(tmp_path: Path) -> None:
    draw_dataset(tmp_path, [(32, 32)], "3_kafka")
    draw_dataset(tmp_path, [(32, 32)], "1_other")
    found = read_settings(SDXL)
    outside = FolderSettings("..", "../..", 9)
    told = apply_folders(tmp_path, [*found.folders, outside])
    assert told[0].startswith("5_kafka: 5 repeats")
    assert "is not in this dataset" in told[1]
    assert "is not in this dataset" in told[2]
    assert {c.folder.name: c.repeats for c in scan_dataset(tmp_path).concepts} == {
        "1_other": 1,
        "5_kafka": 5,
    }


def test_differences_are_told_with_the_labels_of_the_page() -> None:
    found = differences(load_recipe("pdxl"), load_recipe("illustrious"))
    assert [(change.label, change.before, change.after) for change in found][1:] == [
        ("Unet learning rate", 1e-4, 6e-5),
        ("TE learning rate", 1e-6, 6e-6),
    ]
