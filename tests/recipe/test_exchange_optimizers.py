"""Optimizers mean the same in files of other trainers as here, also where the file says nothing."""

from __future__ import annotations

import inspect
import tomllib
from typing import Any

import pytest

from lorabake.core.settings import setting_fields
from lorabake.core.toml import dump_toml
from lorabake.engine.optimizers import OPTIMIZERS, optimizer_settings
from lorabake.recipe.exchange import cautions, read_settings, write_lets, write_sd_scripts
from lorabake.recipe.exchange.arguments import pairs
from lorabake.recipe.exchange.optimizer_args import THEIR_DEFAULTS, args_to, defaults_to_write
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import with_setting


def lets_file(optimizer: str, args: dict[str, Any] | None = None, **more: Any) -> bytes:
    table = {"optimizer_type": optimizer, "max_train_epochs": 2, **more}
    return dump_toml({"optimizer_args": {"args": {**table, "optimizer_args": args or {}}}}).encode()


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_every_setting_has_a_default_there(name: str) -> None:
    ours = {spec.name for spec in setting_fields(OPTIMIZERS[name].settings)}
    assert THEIR_DEFAULTS[name].keys() == ours
    optimizer_settings(name, THEIR_DEFAULTS[name])  # and it is a value we can take


def test_the_defaults_are_those_of_the_libraries() -> None:
    from bitsandbytes.optim import AdamW8bit
    from pytorch_optimizer import CAME
    from torch.optim import AdamW
    from transformers.optimization import Adafactor

    libraries = {"adamw": AdamW, "adamw8bit": AdamW8bit, "came": CAME, "adafactor": Adafactor}
    for name, library in libraries.items():
        there = {key: p.default for key, p in inspect.signature(library).parameters.items()}
        for key, value in THEIR_DEFAULTS[name].items():
            assert (there[key] or 0.0) == value, f"{name}.{key}"


def test_only_adafactor_differs() -> None:
    different = {name: defaults_to_write(name) for name in OPTIMIZERS.names}
    assert {name: args for name, args in different.items() if args} == {
        "adafactor": {"relative_step": True, "scale_parameter": True}
    }


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_a_file_that_says_nothing_means_its_trainers_defaults(name: str) -> None:
    spelled = {"came": "Came", "adafactor": "AdaFactor", "adamw_schedulefree": "AdamWScheduleFree"}
    recipe = read_settings(lets_file(spelled.get(name, name.replace("_", "")))).recipe
    assert recipe.optimizer.type == name
    meant = optimizer_settings(name, recipe.optimizer.args)
    assert meant == optimizer_settings(name, THEIR_DEFAULTS[name])


def test_adafactor_means_the_same_in_both_directions() -> None:
    silent = lets_file("AdaFactor")
    found = read_settings(silent)
    assert found.recipe.optimizer.args == {"relative_step": True, "scale_parameter": True}
    assert tomllib.loads(write_lets(found.recipe)) == tomllib.loads(silent.decode())
    half = read_settings(lets_file("AdaFactor", {"relative_step": "False"})).recipe
    assert half.optimizer.args == {"relative_step": False, "scale_parameter": True}

    ours = load_recipe("pdxl", {"optimizer.type": "adafactor"})
    lets = tomllib.loads(write_lets(ours))["optimizer_args"]["args"]["optimizer_args"]
    assert (lets["relative_step"], lets["scale_parameter"]) == ("False", "False")
    config, _ = write_sd_scripts(ours)
    said = pairs(tomllib.loads(config)["training"]["optimizer_args"])
    assert (said["relative_step"], said["scale_parameter"]) == ("False", "False")


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_our_defaults_written_out_mean_ours_when_read_again(name: str) -> None:
    ours = with_setting(load_recipe("pdxl"), "optimizer.type", name)
    meant = optimizer_settings(name, ours.optimizer.args)
    config, dataset = write_sd_scripts(ours)
    for again in (
        read_settings(write_lets(ours).encode()),
        read_settings(config.encode(), dataset=dataset.encode()),
    ):
        assert again.recipe.optimizer.type == name
        assert optimizer_settings(name, again.recipe.optimizer.args) == meant
        assert not again.not_honoured


def test_numbers_that_stand_for_none_and_infinity() -> None:
    args = {"growth_rate": "inf", "beta3": "None", "d_coef": "2"}
    found = read_settings(lets_file("Prodigy", args))
    assert (found.recipe.optimizer.args["growth_rate"], found.not_honoured) == (0, [])
    assert args_to("prodigy", found.recipe.optimizer.args) == {"d_coef": 2}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        *(("RAdamScheduleFree", "adamw_schedulefree"), ("SGDScheduleFree", "adamw_schedulefree")),
        *(("DAdaptation", "dadapt_adam"), ("DAdaptLion", "dadapt_adam")),
        *(("prodigyplus.ProdigyPlusScheduleFree", "prodigy"), ("PagedLion8bit", "lion")),
        *(("PagedAdamW8bit", "adamw8bit"), ("RMSProp", "adamw"), ("Compass", "adamw")),
        *(("LPFAdamW", "adamw"), ("made.up.Optimizer", "adamw")),
    ],
)
def test_an_optimizer_that_is_not_offered_is_replaced_by_its_nearest_and_named(
    theirs: str, ours: str
) -> None:
    found = read_settings(lets_file(theirs))
    assert found.recipe.optimizer.type == ours
    line = next(line for line in found.not_honoured if line.startswith("optimizer_type: "))
    assert theirs in line
    assert OPTIMIZERS[ours].label in line


def test_one_without_weight_decay_gets_none_from_its_replacement() -> None:
    assert read_settings(lets_file("RMSProp")).recipe.optimizer.args == {"weight_decay": 0}
    assert read_settings(lets_file("Lion8bit")).recipe.optimizer.args == {}


def test_a_schedule_free_optimizer_has_no_warm_up_there() -> None:
    found = read_settings(lets_file("AdamWScheduleFree", warmup_ratio=0.1))
    assert found.recipe.optimizer.warmup_ratio == 0
    assert any(line.startswith("lr_warmup_steps: ") for line in found.not_honoured)
    ours = load_recipe("pdxl", {"optimizer.type": "adamw_schedulefree", "warmup_ratio": 0.1})
    assert any("warm-up" in line for line in cautions(ours, "lets"))


def test_adafactors_own_schedule_is_no_unknown_one() -> None:
    found = read_settings(lets_file("AdaFactor", lr_scheduler="adafactor"))
    assert (found.recipe.optimizer.lr_scheduler, found.not_honoured) == ("constant", [])
