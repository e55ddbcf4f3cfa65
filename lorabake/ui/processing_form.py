"""The form of "Process tags": its fields, what was typed into them, and what a project remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lorabake.captions.settings import FORM_GROUPS, LINES, TAG_FIELDS, ProcessSettings
from lorabake.core.errors import LorabakeError
from lorabake.core.settings import SettingField, from_mapping, setting_fields
from lorabake.core.workspace import Project
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import from_widget, to_widget

KEY = "processing"  # in project.json
MAX_FILTER = 1000
# These decide how others work, and do nothing by themselves.
_HELPERS = frozenset(
    (
        *("keep_tags", "keep_first", "shuffle_seed", "regex_replace", "regex_scope", "lines"),
        *("consolidate_by", "rename_start", "rename_order"),
    )
)
_EXAMPLES = {
    "tags_to_add": "ohwx",
    "tags_to_remove": "signature, watermark",
    "replace": "long_hair = very long hair",
    "consolidate": "hair color = pink hair",
    "regex_find": "^(light|dark) (.+)$",
}
# What people call a choice, where its name in files is another.
WORDS: Mapping[str, Mapping[str, str]] = {
    "regex_scope": {"tags": "each tag", "captions": "the whole caption"},
    "redundancy": {
        "off": "keep",
        "implications": "drop what another implies",
        "whole words": "drop what stands in a longer tag",
        "both": "drop both kinds",
    },
    "consolidate_by": {
        "commonest": "the folder's commonest",
        "probable": "the tagger's most probable",
        "first": "the first in the caption",
    },
    "sort": {
        "none": "as they are",
        "frequency": "the commonest first",
        "category": "by category",
        "shuffle": "shuffled",
        "reverse": "reversed",
    },
    "underscores": {"as is": "as they are", "spaces": "long hair", "underscores": "long_hair"},
    "brackets": {"as is": "as they are", "escape": r"\(escaped\)", "plain": "(plain)"},
    "weights": {"as is": "as they are", "drop": "without weights"},
    "lines": {"first": "change the first", "each": "change every one", "join": "join them"},
    "rename_order": {"natural": "name", "date": "date", "size": "size"},
}
_SPECS = {spec.name: spec for spec in setting_fields(ProcessSettings)}
_USUAL = ProcessSettings()
# What a title calls a field that holds tags: "add ohwx".
_VERBS = {
    "tags_to_add": "add",
    "tags_to_append": "append",
    "tags_to_emphasise": "emphasise",
    "tags_to_remove": "remove",
    "replace": "replace",
}
_MAX_TITLE = 120  # characters


def describe() -> list[dict[str, Any]]:
    """The groups with their fields. The first is always open; the others say what they are about."""
    listed = {name for _, names in FORM_GROUPS for name in names}
    rest = tuple(name for name in _SPECS if name not in listed)  # a new field is never lost
    groups = [(title, tuple(names)) for title, names in FORM_GROUPS]
    groups[-1] = (groups[-1][0], groups[-1][1] + rest)
    return [
        {
            "title": title if number else "",
            "about": ", ".join(_SPECS[name].label for name in names[:3]) + ("…" * (len(names) > 3)),
            "fields": [_field(_SPECS[name]) for name in names],
        }
        for number, (title, names) in enumerate(groups)
    ]


def _field(spec: SettingField) -> dict[str, Any]:
    words = WORDS.get(spec.name, {})
    return {
        "name": spec.name,
        "label": spec.label,
        "unit": spec.unit,
        "help": spec.help,
        "type": spec.type,
        "choices": [[str(choice), words.get(str(choice), str(choice))] for choice in spec.choices],
        "lines": 3 if spec.name in LINES else 2 if spec.name in TAG_FIELDS else 1,
        "tags": spec.name in TAG_FIELDS,
        "separator": "\n" if spec.name in LINES else ",",
        "usual": to_widget(spec, spec.default),
        "longest": spec.longest,
        "example": _EXAMPLES.get(spec.name, ""),
    }


def to_widgets(settings: ProcessSettings) -> dict[str, Any]:
    """What the fields show."""
    return {name: to_widget(spec, getattr(settings, name)) for name, spec in _SPECS.items()}


def read_values(values: object) -> tuple[ProcessSettings | None, dict[str, str]]:
    """(settings, errors): what was typed, or None and a sentence for each field that does not fit."""
    typed = values if isinstance(values, dict) else {}
    read: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, spec in _SPECS.items():
        if name not in typed:
            continue
        try:
            read[name] = from_widget(spec, typed[name])
        except LorabakeError as error:
            errors[name] = str(error)
    return (None, errors) if errors else (ProcessSettings(**read), {})


def changed_values(settings: ProcessSettings) -> dict[str, Any]:
    """Those that are not as usual, ready for a file."""
    return {
        one.name: getattr(settings, one.name)
        for one in fields(settings)
        if getattr(settings, one.name) != getattr(_USUAL, one.name)
    }


def remembered(project: Project) -> tuple[ProcessSettings, str]:
    """(fields, filter) as they were last in this project; the usual ones if they no longer fit."""
    kept = project.read_settings().get(KEY)
    kept = kept if isinstance(kept, dict) else {}
    typed, words = kept.get("fields"), kept.get("filter")
    try:
        settings = from_mapping(ProcessSettings, typed if isinstance(typed, dict) else {})
    except LorabakeError:  # written by another version
        settings = _USUAL
    return settings, words[:MAX_FILTER] if isinstance(words, str) else ""


def remember(project: Project, settings: ProcessSettings, words: str) -> None:
    """Keep the fields, and the filter that is in use ("" for none)."""
    update_settings(project, **{KEY: {"fields": changed_values(settings), "filter": words}})


def idle(settings: ProcessSettings) -> bool:
    """Nothing is asked for besides what is always done."""
    return not set(changed_values(settings)) - _HELPERS


def title_of(settings: ProcessSettings) -> str:
    """What stands on the undo button: "Process tags: add ohwx, remove simple background"."""
    changed = changed_values(settings)
    said = [
        f"{verb} {_one_line(changed[name])}" for name, verb in _VERBS.items() if name in changed
    ]
    others = [
        _SPECS[name].label.lower()
        for name in changed
        if name not in _VERBS and name not in _HELPERS and name != "rename"
    ]
    if not said and not others:
        others = [_SPECS["remove_duplicates"].label.lower()]
    title = f"Process tags: {', '.join(said + others)}"
    return title if len(title) <= _MAX_TITLE else f"{title[: _MAX_TITLE - 1]}…"


def _one_line(text: str) -> str:
    """A list of tags, cut after a few."""
    tags = [part.strip() for line in text.splitlines() for part in line.split(",") if part.strip()]
    return ", ".join(tags[:3]) + (f" and {len(tags) - 3} more" if len(tags) > 3 else "")
