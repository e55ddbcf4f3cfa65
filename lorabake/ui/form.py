"""A form from the settings dataclasses: a new setting appears here by itself.

Values travel as one dict {"network.network_dim": 8, …}, never as a positional list, so that a new
field cannot shift the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lorabake.core.errors import LorabakeError
from lorabake.core.settings import SettingField, checked, setting_fields
from lorabake.core.toml import dump_toml, parse_toml

Groups = Mapping[str, tuple[str, type]]
Choices = list[tuple[str, str]]
MAX_TEXT = 2000


@dataclass(frozen=True)
class Form:
    """The widgets by key ("group.name") with what they stand for."""

    widgets: dict[str, Any]
    specs: dict[str, SettingField]

    def values(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """The part of an event's dict that is this form's, by key."""
        return {key: data.get(widget) for key, widget in self.widgets.items()}

    def updates(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[Any, Any]:
        """What the widgets must show for these tables (`recipe_to_mapping`)."""
        shown = {}
        for key, widget in self.widgets.items():
            group, _, name = key.partition(".")
            shown[widget] = to_widget(self.specs[key], tables[group][name])
        return shown


def build_form(groups: Groups, choices: Mapping[str, Choices] | None = None) -> Form:
    """Draw the groups one under the other, rare settings folded under "More".

    choices: for settings whose choices only the page knows, such as the models that were found.
    """
    form = Form({}, {})
    for group, (title, cls) in groups.items():
        specs = setting_fields(cls)
        gr.HTML(f'<h3 class="lb-heading">{title}</h3>', js_on_load=None, apply_default_css=False)
        often = [spec for spec in specs if not spec.more]
        rarely = [spec for spec in specs if spec.more]
        if often:
            with gr.Row(elem_classes="lb-form"):
                _draw(form, group, often, choices or {})
        if rarely:
            label = f"More: {', '.join(spec.label for spec in rarely)}"
            with (
                gr.Accordion(label, open=False, elem_classes="lb-fold"),
                gr.Row(elem_classes="lb-form"),
            ):
                _draw(form, group, rarely, choices or {})
    return form


def _draw(
    form: Form, group: str, specs: list[SettingField], choices: Mapping[str, Choices]
) -> None:
    for spec in specs:
        key = f"{group}.{spec.name}"
        form.specs[key] = spec
        form.widgets[key] = make_widget(key, spec, choices.get(key))


def make_widget(key: str, spec: SettingField, choices: Choices | None = None) -> Any:
    """The widget of one setting, with its help and unit."""
    label = f"{spec.label} ({spec.unit})" if spec.unit else spec.label
    about: dict[str, Any] = {
        "label": label,
        "elem_id": f"set-{key.replace('.', '-')}",
        "min_width": 200,
    }
    value = to_widget(spec, spec.default)
    if spec.type == "bool":
        return gr.Checkbox(value, info=spec.help or None, **about)
    about["info"] = spec.help or None
    if choices is not None:
        return gr.Dropdown(choices, value=value, **about)
    if spec.choices:
        return gr.Dropdown([str(choice) for choice in spec.choices], value=value, **about)
    if spec.type == "int":
        return gr.Number(value, precision=0, **about)
    lines = 2 if spec.type == "table" else 1
    return gr.Textbox(value, lines=lines, max_lines=6, max_length=MAX_TEXT, **about)


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
