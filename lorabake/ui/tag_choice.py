"""What was chosen for "Generate tags": the settings of a project, the taggers, which pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.settings import SettingField, setting_fields
from lorabake.core.workspace import Project
from lorabake.engine.shelf import KNOWN
from lorabake.tag.settings import LOWEST, TagSettings
from lorabake.tag.taggers import TaggerChoice, chosen_names, tagger_choices
from lorabake.tag.taggers.devices import has_graphics
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import from_widget, to_widget
from lorabake.ui.place import place
from lorabake.ui.recipes import size_text

KEY = "tagging"  # in project.json
MAX_VALUE = 4000  # characters of one setting
RECOMMENDED = {True: "eva02-large", False: "vit"}  # with and without a graphics card
SCOPES = ("all", "bare", "selected")
WITH_TAGGERS = ("taggers", "combine")  # drawn with the list of taggers, not in the form
SLIDERS = ("threshold", "character_threshold")
LISTS = ("exclude",)  # tags with commas between, completed while typing
# What people call a choice, where its name in files is another; with what it does, in a few words.
WORDS: Mapping[str, Mapping[str, str]] = {
    "merge": {
        "union": "Renew: yours and the board's stay, those of an earlier tagging are replaced",
        "append": "Add: everything stays, new ones go behind",
        "intersection": "Check: only those stay that the tagger says too",
        "replace": "Replace: only the tagger's",
    },
    "rating": {"off": "not written", "first": "in front", "last": "at the end"},
    "order": {
        "probability": "the surest first",
        "alphabetical": "by the alphabet",
        "list": "as in the tagger's list",
    },
    "combine": {
        "union": "a tag that any of them says",
        "intersection": "a tag that all of them say",
        "mean": "a tag whose mean probability is high enough",
    },
}


@answered("edit")
def lb_tag_set(data: dict[str, Any]) -> dict[str, Any]:
    """Keep one setting; `usual` takes all of them back to what they were at first."""
    project = place().project(data.get("project"))
    if data.get("usual") is True:
        update_settings(project, **{KEY: {"taggers": read_tagging(project).taggers}})
    else:
        changed = with_values(read_tagging(project), {text(data, "key"): data.get("value")})
        update_settings(project, **{KEY: differences(changed)})
    settings = read_tagging(project)
    return {"values": widget_values(settings), "usual": is_usual(settings)}


def read_tagging(project: Project) -> TagSettings:
    """What the project remembers; a value that no longer fits is the usual one."""
    saved = project.read_settings().get(KEY)
    settings = TagSettings()
    for name, value in (saved if isinstance(saved, dict) else {}).items():
        try:
            settings = with_values(settings, {name: value})
        except LorabakeError:  # written by another version, or by hand
            continue
    return settings


def with_values(settings: TagSettings, values: object) -> TagSettings:
    """Settings with some values as the page's fields hold them; RecipeError with what is wrong."""
    specs = {spec.name: spec for spec in setting_fields(TagSettings)}
    for name, value in (values if isinstance(values, dict) else {}).items():
        if name not in specs:
            raise RecipeError("This setting is no longer there. Reload the page.")
        typed = value[:MAX_VALUE] if isinstance(value, str) else value
        single = name == "tag_thresholds"
        result: Any = checked_thresholds(typed) if single else from_widget(specs[name], typed)
        settings = replace(settings, **{name: result})
    return settings


def checked_thresholds(value: object) -> dict[str, float]:
    """Thresholds of single tags from lines of `tag = 0.6`; a tag is written as in a caption."""
    if isinstance(value, dict):
        value = "\n".join(f"{tag} = {number}" for tag, number in value.items())
    thresholds: dict[str, float] = {}
    for line in value.splitlines() if isinstance(value, str) else ():
        if not line.strip():
            continue
        tag, _, number = line.rpartition("=")
        try:
            threshold = float(number)
        except ValueError:
            threshold = -1.0
        if not tag.strip() or not 0 <= threshold <= 100:
            raise RecipeError(
                f"{line.strip()[:80]!r} is no threshold of a tag. Write one a line, as smile = 0.6."
            )
        thresholds[tag.strip().strip('"')[:200]] = threshold
    return thresholds


def settings_of(project: Project, data: dict[str, Any]) -> TagSettings:
    """The project's settings with what is being moved on the page and is not saved yet."""
    return with_values(read_tagging(project), data.get("values"))


def differences(settings: TagSettings) -> dict[str, Any]:
    """What is not as it was at first; a mapping becomes one that JSON can hold."""
    usual = TagSettings()
    changed = {
        spec.name: getattr(settings, spec.name)
        for spec in setting_fields(TagSettings)
        if getattr(settings, spec.name) != getattr(usual, spec.name)
    }
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in changed.items()}


def is_usual(settings: TagSettings) -> bool:
    return not set(differences(settings)) - {"taggers"}


def widget_values(settings: TagSettings) -> dict[str, Any]:
    """Every setting as its field shows it."""
    values = {
        spec.name: to_widget(spec, getattr(settings, spec.name))
        for spec in setting_fields(TagSettings)
    }
    lines = (f"{tag} = {number:g}" for tag, number in settings.tag_thresholds.items())
    return {**values, "tag_thresholds": "\n".join(lines)}


def describe() -> list[dict[str, Any]]:
    """The fields of the form in the order they were declared, without values."""
    return [
        _field(spec)
        for spec in setting_fields(TagSettings)
        if spec.name == "combine" or spec.name not in WITH_TAGGERS
    ]


def _field(spec: SettingField) -> dict[str, Any]:
    slider = spec.name in SLIDERS
    words = WORDS.get(spec.name, {})
    return {
        "key": spec.name,
        "label": spec.label,
        "unit": spec.unit,
        "help": "" if spec.name == "merge" else spec.help,  # its choices say it themselves
        "type": "slider" if slider else "tags" if spec.name in LISTS else spec.type,
        "choices": [[str(c), words.get(str(c), str(c))] for c in spec.choices],
        "low": LOWEST if slider else spec.minimum,
        "high": 1.0 if slider else spec.maximum,
        "more": spec.more,
    }


def tagger_rows(settings: TagSettings, choices: list[TaggerChoice]) -> list[dict[str, Any]]:
    """The taggers for the list: those that are here first, then those that can be had."""
    chosen = chosen_names(place().workspace, settings.taggers)
    recommended = RECOMMENDED[has_graphics()]
    pages = {model.name: model for model in KNOWN}
    rows = [
        {
            "name": choice.name,
            "label": choice.label,
            "help": choice.help,
            "here": choice.here,
            "model": choice.model,
            "can": choice.model in pages and pages[choice.model].can_download,
            "size": size_text(choice.mib) if choice.mib else "",
            "licence": choice.licence,
            "page": choice.page,
            "where": choice.where,
            "on": choice.name in chosen,
            "recommended": choice.name == recommended,
        }
        for choice in choices
    ]
    for name in chosen:
        if name not in {row["name"] for row in rows}:
            rows.append(_lost(name))
    return sorted(rows, key=lambda row: (not row["here"], not row["on"]))


def _lost(name: str) -> dict[str, Any]:
    """A tagger that was chosen once and has gone from this computer."""
    gone = dict.fromkeys(("model", "size", "licence", "page", "where"), "")
    help_ = "This tagger is no longer on this computer. Choose another one."
    no = dict.fromkeys(("here", "can", "recommended"), False)
    return {"name": name, "label": name, "help": help_, "on": True, **gone, **no}


def known_taggers() -> list[TaggerChoice]:
    return tagger_choices(place().workspace)


def picture_ids(project: Project, data: dict[str, Any]) -> list[str]:
    """The pictures that were chosen on the page: all, those without a caption, or some."""
    pictures = place().shelf(project.name).by_id
    scope = text(data, "scope", limit=20)
    if scope == "bare":
        return [picture.id for picture in pictures.values() if not picture.captioned]
    if scope == "selected":
        listed = data.get("ids")
        wanted = set(map(str, listed)) if isinstance(listed, list) else set()
        return [name for name in pictures if name in wanted]
    return list(pictures)
