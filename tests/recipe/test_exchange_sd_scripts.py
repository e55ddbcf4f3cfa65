"""sd-scripts' two files, alone and together, as other people keep them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lorabake.core.errors import RecipeError
from lorabake.recipe.exchange import (
    FolderSettings,
    cautions,
    differences,
    read_settings,
    write_lets,
    write_sd_scripts,
)
from lorabake.recipe.exchange.arguments import pairs
from lorabake.recipe.exchange.sd_scripts import read_config, read_dataset
from lorabake.recipe.plan import rate_at
from lorabake.recipe.presets import load_recipe, recipe_to_toml
from lorabake.recipe.recipe import Recipe

FILES = Path(__file__).with_name("exchange")
CONFIG, DATASET, FLAT = (
    FILES / f"{name}.toml" for name in ("scripts_config", "scripts_dataset", "flat_config")
)
FOLDERS = [("kafka", 5, 1), ("kafka summer", 3, 2), ("1girl", 1, 1)]


def test_a_pair_means_what_it_says() -> None:
    """Its tables have names of ours, which mean nothing: all of them are laid flat."""
    found = read_settings(CONFIG, dataset=DATASET)
    recipe = found.recipe
    assert (found.source, recipe.family) == ("sd-scripts", "sdxl")
    assert (recipe.network.type, recipe.network.factor) == ("lokr", 8)
    assert recipe.optimizer.args == {
        "relative_step": False,
        "scale_parameter": False,
        "warmup_init": False,
    }
    assert (recipe.optimizer.text_encoder_lr, recipe.optimizer.text_encoder_2_lr) == (1e-5, 2e-5)
    assert (recipe.optimizer.warmup_steps, recipe.general.max_train_steps) == (100, 1600)
    assert (recipe.general.resolution, recipe.general.batch_size) == (1024, 2)
    assert recipe.captions.shuffle_caption, "inherited from [general]"
    assert [(f.name, f.repeats, f.settings.keep_tokens) for f in found.folders] == FOLDERS
    assert (found.folders[2].is_reg, found.folders[2].settings.flip_aug) == (True, True)
    assert found.folders[0].settings.flip_aug is None, "the second data set's alone"
    told = "\n".join(found.not_honoured)
    for name in ("resolution", "batch_size", "network_args.made_up", "made_up_switch"):
        assert f"{name}: " in told
    assert "v2: " not in told, "what is off is nothing to tell"


def test_the_files_may_be_given_the_other_way_round() -> None:
    assert (
        read_settings(DATASET, dataset=CONFIG).recipe
        == read_settings(CONFIG, dataset=DATASET).recipe
    )


def test_a_pair_comes_back_equal_in_meaning_and_in_what_is_unknown() -> None:
    found = read_settings(CONFIG, dataset=DATASET)
    again = (tomllib.loads(text) for text in write_sd_scripts(found.recipe))
    config, dataset = again
    before = read_dataset(
        tomllib.loads(DATASET.read_text()), read_config(tomllib.loads(CONFIG.read_text()))
    )
    after = read_dataset(dataset, read_config(config))
    assert after.args == before.args
    assert (after.network, after.optimizer) == (before.network, before.optimizer)
    assert (after.dataset, after.subsets) == (before.dataset, before.subsets)


def test_a_config_file_alone_leaves_what_belongs_to_folders_alone() -> None:
    found = read_settings(CONFIG)
    changed = {change.key.partition(".")[0] for change in differences(Recipe(), found.recipe)}
    assert not {"bucket", "captions", "augment"} & changed
    assert found.recipe.general.resolution == Recipe().general.resolution
    assert any("nothing of folders" in line for line in found.warnings)


def test_a_dataset_file_alone_changes_nothing_else() -> None:
    found = read_settings(DATASET)
    changed = {change.key for change in differences(Recipe(), found.recipe)}
    assert changed == {"captions.keep_tokens"}
    assert [(f.name, f.repeats, f.settings.keep_tokens) for f in found.folders] == FOLDERS


def test_one_data_set_without_folders() -> None:
    file = b"[general]\nkeep_tokens = 3\n[[datasets]]\nresolution = 640\n"
    found = read_settings(file)
    assert (found.recipe.captions.keep_tokens, found.recipe.general.resolution) == (3, 640)
    assert found.folders == []


def test_a_flat_file_for_a_parent_folder() -> None:
    found = read_settings(FLAT)
    recipe = found.recipe
    assert (recipe.family, recipe.general.clip_skip) == ("sd15", 2)
    assert (recipe.optimizer.type, recipe.optimizer.args["betas"]) == ("lion", [0.95, 0.98])
    assert (recipe.general.resolution, recipe.general.batch_size) == (627, 4)
    assert (recipe.captions.keep_tokens, recipe.captions.shuffle_caption) == (1, True)
    assert any("wandb_api_key" in line for line in found.warnings)
    assert any(line.startswith("train_data_dir: ") for line in found.not_honoured)
    assert "made-up-secret-value" not in repr(found) + recipe_to_toml(recipe)


def test_folders_that_say_nothing_take_what_the_arguments_say() -> None:
    config = b"learning_rate = 1e-4\nkeep_tokens = 2\ncaption_extension = '.txt'\n"
    dataset = (
        b"[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'\n"
        b"[[datasets.subsets]]\nimage_dir = 'b'\nkeep_tokens = 5\n"
    )
    found = read_settings(config, dataset=dataset)
    assert [folder.settings.keep_tokens for folder in found.folders] == [2, 5]
    assert found.recipe.captions.caption_extension == ".txt"
    bare = read_settings(b"learning_rate = 1e-4", dataset=dataset)
    assert bare.recipe.captions.caption_extension == ".caption", "as sd-scripts takes it"


@pytest.mark.parametrize("table", ["model", "general", "network", "optimizer", "noise", "x"])
def test_a_table_with_a_name_of_ours_makes_no_file_ours(table: str) -> None:
    file = f"[{table}]\nlearning_rate = 1e-4\nvae = 'v'\nnoise_offset = 0.1\nseed = 5\nnetwork_dim = 64\n"
    found = read_settings(file.encode())
    assert (found.source, found.recipe.network.network_dim) == ("sd-scripts", 64)


def test_our_own_short_file_is_still_ours_and_its_slips_are_named() -> None:
    found = read_settings(b"[network]\nnetwork_dim = 64\n")
    assert (found.source, found.recipe.network.network_dim) == ("lorabake", 64)
    with pytest.raises(RecipeError, match="network_dimm"):
        read_settings(b"[network]\nnetwork_dim = 64\nnetwork_dimm = 3\n")


def test_rex_for_sd_scripts_needs_the_length_of_its_cycles() -> None:
    epochs = load_recipe("pdxl", {"lr_scheduler": "rex_annealing_warm_restarts"})
    assert any("first_cycle_max_steps" in line for line in cautions(epochs, "sd-scripts"))
    assert not any("first_cycle" in line for line in cautions(epochs, "lets"))


@pytest.mark.parametrize(("total", "cycles"), [(1000, 4), (1003, 4), (800, 1), (90, 7)])
def test_rex_for_a_number_of_steps_is_written_out_and_read_back(total: int, cycles: int) -> None:
    changes = {
        "lr_scheduler": "rex_annealing_warm_restarts" if cycles > 1 else "rex",
        "lr_scheduler_num_cycles": cycles,
        "max_train_steps": total,
        "warmup_ratio": 0.1,
    }
    recipe = load_recipe("pdxl", changes)
    assert not any("first_cycle_max_steps" in line for line in cautions(recipe, "sd-scripts"))
    config, dataset = write_sd_scripts(recipe)
    table = tomllib.loads(config)["training"]
    said = pairs(table["lr_scheduler_args"])
    assert (said["first_cycle_max_steps"], said["warmup_steps"]) == (
        str(total // cycles),
        str(round(total * 0.1) // cycles),
    )
    table.pop("lr_scheduler_num_cycles", None)  # sd-scripts itself does not look at it
    again = read_settings(
        config.replace("lr_scheduler_num_cycles", "made_up").encode(), dataset=dataset.encode()
    )
    optimizer = again.recipe.optimizer
    assert (optimizer.lr_scheduler_num_cycles, optimizer.lr_scheduler) == (
        cycles,
        recipe.optimizer.lr_scheduler,
    )
    middle = total // 2
    assert rate_at(middle, total, "unet", again.recipe) == pytest.approx(
        rate_at(middle, total, "unet", recipe), rel=0.05
    )


def test_what_a_file_cannot_say_is_said_beside_it() -> None:
    recipe = load_recipe("pdxl", {"optimizer.ema": True, "matte": "#000000"})
    for target in ("lets", "sd-scripts"):
        assert any("EMA of the LoRA, Matte" in line for line in cautions(recipe, target))  # type: ignore[arg-type]
    folder = FolderSettings("5_a", "/x/5_a", 5)
    assert cautions(load_recipe("nai15"), "lets", [folder]) == []
    assert any("caption settings" in line for line in cautions(load_recipe("nai15"), "lets"))
    assert cautions(read_settings(FILES / "sdxl_12gb.toml").recipe, "lets") == []
    vpred = load_recipe("pdxl", {"model.base": "noobVpred.safetensors"})
    assert any("v_parameterization" in line for line in cautions(vpred, "lets"))
    prodigy = load_recipe("pdxl+prodigy", {"text_encoder_lr": 0.5})
    assert any("same learning rate" in line for line in cautions(prodigy, "lets"))


def test_captions_are_not_lost_without_folders() -> None:
    recipe = load_recipe("pdxl", {"keep_tokens": 3})
    config, dataset = write_sd_scripts(recipe)
    again = read_settings(config.encode(), dataset=dataset.encode()).recipe
    assert again.captions == recipe.captions


def test_a_lets_recipe_keeps_what_is_unknown_in_files_of_sd_scripts() -> None:
    recipe = read_settings(FILES / "fork_sd15.toml").recipe
    config, _ = write_sd_scripts(recipe)
    assert tomllib.loads(config)["training"]["edm2_loss_weighting"] is True
    back = read_settings(write_lets(recipe).encode())
    assert any(line.startswith("edm2_loss_weighting") for line in back.not_honoured)
