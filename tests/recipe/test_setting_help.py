"""Help tells what a setting does, its unit, the guide's value and why, and both extremes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

from lorabake.core.settings import SettingField, setting, setting_fields
from lorabake.ui.form import describe

ROOT = Path(__file__).parents[2]
FEWEST_WORDS, MOST_CHARACTERS = 10, 300
NUMBERS = ("int", "float", "floats")

# What the guide says of it, as it must stand in the help. A name of a file stands for its optimizer.
GUIDE = {
    "GeneralSettings.resolution": "1024 768 512",
    "GeneralSettings.epochs": "10 20 600 2",
    "GeneralSettings.batch_size": "2 1",
    "GeneralSettings.gradient_accumulation_steps": "1",
    "GeneralSettings.clip_skip": "2",
    "GeneralSettings.max_token_length": "225",
    "BucketSettings.max_bucket_reso": "1024 2048",
    "BucketSettings.bucket_reso_steps": "64",
    "CaptionSettings.keep_tokens": "1 0",
    "ConceptSettings.keep_tokens": "1 0",
    "NetworkSettings.network_dim": "8 16 32",
    "NetworkSettings.network_alpha": "4 8",
    "NetworkSettings.conv_dim": "8",
    "NetworkSettings.conv_alpha": "4",
    "NetworkSettings.ip_noise_gamma": "0.05",
    "OptimizerSettings.unet_lr": "5e-4 1e-4 6e-5 5e-5 0.5 1",
    "OptimizerSettings.text_encoder_lr": "1e-4 1e-6 6e-6 0",
    "OptimizerSettings.warmup_ratio": "0.05",
    "OptimizerSettings.min_snr_gamma": "5",
    "OptimizerSettings.args": "0.08 0.1 0.9 0.99",
    "adamw.weight_decay": "0.1",
    "adamw.betas": "0.9 0.99",
    "came.weight_decay": "0.08",
    "prodigy.weight_decay": "0.01",
    "prodigy.betas": "0.9 0.999",
    "prodigy.d_coef": "2",
    "EnhanceSettings.factor": "1",
    "TagSettings.threshold": "0.3",
    "TagSettings.character_threshold": "0.3",
    "GridRequest.weights": "1.0 0.8 0.5",
    "XyzRequest.x": "-10 -09 -08 -07",
    "XyzRequest.clip_skip": "2",
    "HandoverSettings.weight": "1.0 0.8",
}
# The words of the guide for what is no number.
CHOICES = {
    "GeneralSettings.mixed_precision": "bf16 fp16",
    "GeneralSettings.attention": "SDPA",
    "OptimizerSettings.type": "CAME AdamW8bit AdamW Prodigy",
    "OptimizerSettings.lr_scheduler": "REX Rex cosine constant",
    "OptimizerSettings.loss_type": "L2",
    "NetworkSettings.type": "LoRA LoCon GLoRA",
    "TagSettings.taggers": "eva02-large",
}
# Numbers that are neither too low nor too high.
NO_EXTREMES = {
    "GeneralSettings.seed": "chance",
    "GridRequest.seed": "chance",
    "XyzRequest.seed": "chance",
    "ProcessSettings.shuffle_seed": "chance",
}
# Numbers without a unit.
RATES = "unet_lr text_encoder_lr text_encoder_2_lr min_lr"
FORMULAS = (
    "betas eps eps1 eps2 beta1 beta3 weight_decay d0 r weight_lr_power decay_rate clip_threshold "
    "rex_d huber_c min_snr_gamma max_grad_norm scale_weight_norms lr_scheduler_power noise_offset "
    "ip_noise_gamma network_dim network_alpha conv_dim conv_alpha"
)
NAMED = (  # the label names what is counted, or the slider its ends
    "epochs caption_dropout_every_n_epochs save_every_n_epochs save_last_n_epochs max_train_steps "
    "validate_every_n_epochs sample_every_n_epochs steps warmup_steps lr_scheduler_num_cycles "
    "clip_skip cfg gamma curve weight seed shuffle_seed rename_start "
    "threshold character_threshold strength"
)
UNITLESS = frozenset(
    f"{RATES} {FORMULAS} {NAMED} NetworkSettings.factor TagSettings.batch_size".split()
)

_FIGURE = r"(?<![\w.-]){}(?![\w]|\.\d)"
_UPWARDS = re.compile(
    r"\btoo (high|much|many|large|strong)|\b(higher|larger|longer|more|much higher|above)\b"
    r"|\bnear 1\b|\bis the most\b"
)
_DOWNWARDS = re.compile(
    r"\btoo (low|little|few|small|short)|\b(lower|smaller|shorter|fewer|less|below)\b"
    r"|(?<![\w.-])0(?! or)(?![\w]|\.\d)|(?<![\w.])1 (is|does|trains|shows|saves|keeps)\b"
)


def classes() -> Iterator[tuple[str, type]]:
    """Every dataclass of settings there is, under the name that the tables here use."""
    for path in sorted((ROOT / "lorabake").rglob("*.py")):
        if "= setting(" not in path.read_text(encoding="utf-8"):
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for value in vars(import_module(name)).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == name:
                yield (path.stem if value.__name__ == "Settings" else value.__name__), value


SETTINGS = {f"{name}.{spec.name}": spec for name, cls in classes() for spec in setting_fields(cls)}
FIGURES = {key: spec for key, spec in SETTINGS.items() if spec.type in NUMBERS}


def missing(text: str, figures: str) -> list[str]:
    """The figures that a text does not hold as words of their own."""
    return [one for one in figures.split() if not re.search(_FIGURE.format(re.escape(one)), text)]


def told(text: str) -> tuple[bool, bool]:
    """Whether a help says what happens downwards, and upwards."""
    return bool(_DOWNWARDS.search(text.lower())), bool(_UPWARDS.search(text.lower()))


def test_the_tables_here_name_settings_that_exist() -> None:
    assert len(SETTINGS) > 250
    assert GUIDE.keys() | CHOICES.keys() | NO_EXTREMES.keys() <= SETTINGS.keys()
    assert FIGURES.keys() >= NO_EXTREMES.keys()
    names = {spec.name for spec in FIGURES.values()}
    assert {name for name in UNITLESS if "." not in name} <= names


@pytest.mark.parametrize(("key", "spec"), SETTINGS.items(), ids=SETTINGS)
def test_every_setting_says_what_it_does_in_a_few_sentences(key: str, spec: SettingField) -> None:
    assert len(spec.help.split()) >= FEWEST_WORDS, spec.help
    assert len(spec.help) <= MOST_CHARACTERS, "three short sentences are read, a page is not"
    assert spec.help.endswith("."), spec.help


@pytest.mark.parametrize(("key", "figures"), (GUIDE | CHOICES).items(), ids=GUIDE | CHOICES)
def test_what_the_guide_says_stands_in_the_help(key: str, figures: str) -> None:
    assert "guide" in SETTINGS[key].help.lower(), SETTINGS[key].help
    assert missing(SETTINGS[key].help, figures) == []


@pytest.mark.parametrize(("key", "spec"), FIGURES.items(), ids=FIGURES)
def test_a_figure_tells_where_it_is_from_and_both_extremes(key: str, spec: SettingField) -> None:
    """Where the guide is silent, the help says so instead of inventing a value of the guide."""
    assert "guide" in spec.help.lower(), spec.help
    if key in NO_EXTREMES:
        return
    down, up = told(spec.help)
    assert down, f"what happens when it is too low: {spec.help}"
    assert up, f"what happens when it is too high: {spec.help}"


SWITCHES = {key: spec for key, spec in SETTINGS.items() if spec.type == "bool"}


@pytest.mark.parametrize("spec", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_says_what_on_or_off_changes(spec: SettingField) -> None:
    assert re.search(r"\b(on|off)\b", spec.help.lower()), spec.help


@pytest.mark.parametrize(("key", "spec"), FIGURES.items(), ids=FIGURES)
def test_a_figure_has_a_unit_or_is_a_pure_number(key: str, spec: SettingField) -> None:
    assert bool(spec.unit) != (key in UNITLESS or spec.name in UNITLESS), spec.unit


def test_the_oven_shows_the_words_as_they_are() -> None:
    shown = {
        field["key"]: (field["help"], field["unit"])
        for group in describe()
        for field in group["fields"]
    }
    assert shown["network.network_dim"] == (SETTINGS["NetworkSettings.network_dim"].help, "")
    assert shown["bucket.min_bucket_reso"][1] == "px"
    assert all(help_ for help_, _ in shown.values())


@dataclass(frozen=True, kw_only=True)
class _Poor:
    dim: int = setting(8, "Dim", help="How much it holds. The guide: 8 for PDXL.")
    only_up: int = setting(8, "Dim", help="The guide: 8 for PDXL. Too high copies its pictures.")
    other: int = setting(8, "Dim", help="The guide: 16. Lower holds less, higher copies.")


def test_a_help_that_leaves_something_out_is_noticed() -> None:
    dim, only_up, other = (spec.help for spec in setting_fields(_Poor))
    assert told(dim) == (False, False)
    assert told(only_up) == (False, True)
    assert told(other) == (True, True)
    assert missing(other, "8") == ["8"]
    assert missing("The guide: 0.05.", "0.05 0.0 5") == ["0.0", "5"]
