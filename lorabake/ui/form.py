"""The form, described from the settings dataclasses: a new setting appears on the page by itself.

The page's script draws what `describe` says. Values travel one at a time under their key
("network.network_dim"), never as a positional list, so that a new field cannot shift the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.core.settings import SettingField, checked, setting_fields
from lorabake.core.toml import dump_toml, parse_toml
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.recipe import GROUPS

LINES = ("sample.sample_prompts",)  # texts of several lines
_AS_FILE = {"auto": "as its file says", "sdxl": "SDXL", "sd15": "SD 1.5"}
# What people call a choice, where its name in files is another.
WORDS: Mapping[str, Mapping[str, str]] = {
    "model.family": _AS_FILE,
    "model.prediction": {**_AS_FILE, "epsilon": "noise (epsilon)", "v": "velocity (v)"},
    "model.zero_terminal_snr": _AS_FILE,
    "general.gradient_checkpointing": {"auto": "where memory is too small"},
    "general.mixed_precision": {"no": "no (full, fp32)"},
    "general.attention": {"sdpa": "SDPA"},
    "network.type": {"lora": "LoRA", "locon": "LoCon", "loha": "LoHa", "lokr": "LoKr"}
    | {"glora": "GLoRA"},
    "network.target_layers": {"attn": "attention", "attn-mlp": "attention and feed-forward"}
    | {"full": "convolutions too"},
    "optimizer.type": {entry.name: entry.label for entry in OPTIMIZERS},
    "optimizer.lr_scheduler": {entry.name: entry.label for entry in SCHEDULES},
    "optimizer.loss_type": {"l2": "L2", "l1": "L1", "huber": "Huber", "smooth_l1": "smooth L1"},
    "optimizer.huber_schedule": {"snr": "SNR"},
    "optimizer.masked_loss": {"alpha": "from alpha", "folder": "from a mask folder"},
    "saving.save_precision": {"float": "fp32"},
}


def describe() -> list[dict[str, Any]]:
    """Every group with its fields, in the guide's order; without values."""
    return [
        {
            "id": group,
            "title": title,
            "fields": [_field(f"{group}.{spec.name}", spec) for spec in setting_fields(cls)],
        }
        for group, (title, cls) in GROUPS.items()
    ]


def _field(key: str, spec: SettingField) -> dict[str, Any]:
    return {
        "key": key,
        "label": spec.label,
        "unit": spec.unit,
        "help": spec.help,
        "type": spec.type,
        "choices": [[str(c), WORDS.get(key, {}).get(str(c), str(c))] for c in spec.choices],
        "lines": 3 if key in LINES else 2 if spec.type == "table" else 1,
        "more": spec.more,
    }


def to_widget(spec: SettingField, value: Any) -> Any:
    """What the widget shows for a value."""
    if spec.type in ("bool", "int") and not spec.choices:
        return value
    if spec.type == "float":
        return number_text(value)
    if spec.type == "floats":
        return ", ".join(number_text(number) for number in value)
    if spec.type == "table":
        return dump_toml(value).strip() if value else ""
    return str(value)


def shown_text(key: str, spec: SettingField, value: Any) -> str:
    """A value as it stands in a list of changes."""
    widget = to_widget(spec, value)
    if isinstance(widget, bool):
        return "on" if widget else "off"
    text = WORDS.get(key, {}).get(str(widget), str(widget))
    return text.replace("\n", ", ")[:300] or "(empty)"


def from_widget(spec: SettingField, value: Any, group: str = "") -> Any:
    """The setting's own value of what the widget holds; RecipeError with a sentence if it cannot be."""
    if spec.type == "table":
        return parse_toml(value if isinstance(value, str) else "", spec.label)
    if spec.type in ("int", "float") and isinstance(value, str):
        value = value.strip()
    return checked(spec, "" if value is None else value, group)


def read_form(
    specs: Mapping[str, SettingField], values: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """(tables, errors): the settings by group, and a sentence for each that does not fit."""
    tables: dict[str, dict[str, Any]] = {}
    errors: dict[str, str] = {}
    for key, spec in specs.items():
        group, _, name = key.partition(".")
        try:
            tables.setdefault(group, {})[name] = from_widget(spec, values.get(key), group)
        except LorabakeError as error:
            errors[key] = str(error)
    return tables, errors


def number_text(value: float) -> str:
    """A number as the guide writes it: 1e-6 and 0.05, never 1e-06; reads back exactly."""
    text = repr(float(value))
    mantissa, e, exponent = text.partition("e")
    if e:
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if value != 0 and abs(value) < 1e-3:
        short = next(f"{value:.{n}e}" for n in range(18) if float(f"{value:.{n}e}") == value)
        mantissa, _, exponent = short.partition("e")
        return f"{mantissa}e{int(exponent)}"
    return text.removesuffix(".0")
