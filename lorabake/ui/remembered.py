"""Settings that a project remembers in project.json, one value at a time, whatever their dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.settings import SettingField, setting_fields
from lorabake.core.workspace import Project
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import from_widget, to_widget

MAX_VALUE = 4000  # characters of one setting
T = TypeVar("T")


def read_settings(project: Project, key: str, usual: T) -> T:
    """What the project remembers under `key`; a value that no longer fits is the usual one."""
    saved = project.read_settings().get(key)
    settings = usual
    for name, value in (saved if isinstance(saved, dict) else {}).items():
        try:
            settings = with_values(settings, {name: value})
        except LorabakeError:  # written by another version, or by hand
            continue
    return settings


def keep_settings(project: Project, key: str, settings: Any) -> None:
    """Remember what is not as it was at first."""
    update_settings(project, **{key: differences(settings)})


def with_values(settings: T, values: object) -> T:
    """Settings with some values as the page's fields hold them; RecipeError with what is wrong."""
    specs = {spec.name: spec for spec in _specs(settings)}
    for name, value in (values if isinstance(values, dict) else {}).items():
        if name not in specs:
            raise RecipeError("This setting is no longer there. Reload the page.")
        typed = value[:MAX_VALUE] if isinstance(value, str) else value
        changed: Mapping[str, Any] = {name: from_widget(specs[name], typed)}
        settings = replace(settings, **changed)  # type: ignore[type-var]
    return settings


def differences(settings: Any) -> dict[str, Any]:
    """What is not as it was at first."""
    usual = type(settings)()
    return {
        spec.name: getattr(settings, spec.name)
        for spec in _specs(settings)
        if getattr(settings, spec.name) != getattr(usual, spec.name)
    }


def widget_values(settings: Any) -> dict[str, Any]:
    """Every setting as its field shows it."""
    return {spec.name: to_widget(spec, getattr(settings, spec.name)) for spec in _specs(settings)}


def field(spec: SettingField, words: Mapping[str, str] | None = None) -> dict[str, Any]:
    """One field for the page's script. words: what people call a choice; numbers become sliders."""
    named = words or {}
    return {
        "key": spec.name,
        "label": spec.label,
        "unit": spec.unit,
        "help": "" if named else spec.help,  # words for choices say it themselves
        "type": "slider" if spec.type == "float" else spec.type,
        "choices": [[str(c), named.get(str(c), str(c))] for c in spec.choices],
        "low": spec.minimum,
        "high": spec.maximum,
        "more": spec.more,
    }


def _specs(settings: object) -> tuple[SettingField, ...]:
    kind: Any = type(settings)
    return setting_fields(kind)
