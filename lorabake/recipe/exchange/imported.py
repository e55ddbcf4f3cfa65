"""What was read from a settings file, and how to tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lorabake.core.settings import setting_fields
from lorabake.recipe.exchange.folders import FolderSettings
from lorabake.recipe.recipe import GROUPS, Recipe

Source = Literal["lorabake", "lets", "sd-scripts", "lora"]
_SOURCES = {
    "lorabake": "lorabake's own settings",
    "lets": "settings of LoRA Easy Training Scripts",
    "sd-scripts": "settings of sd-scripts",
    "lora": "the settings in a finished LoRA",
}


@dataclass(frozen=True)
class Imported:
    """A recipe from somebody's file. not_honoured: settings without effect here, with the reason."""

    recipe: Recipe
    source: Source
    folders: list[FolderSettings] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    not_honoured: list[str] = field(default_factory=list)

    def summary(self) -> list[str]:
        """Lines in plain words, without paths: what it was, its folders, what to look at."""
        lines = [f"These are {_SOURCES[self.source]}."]
        lines += [folder.summary() for folder in self.folders]
        lines += self.warnings
        if self.not_honoured:
            lines.append("Without effect here:")
            lines += [f"– {line}" for line in self.not_honoured]
        return lines


@dataclass(frozen=True)
class Change:
    """One setting that two recipes have differently. key: "network.network_dim"."""

    key: str
    label: str
    before: Any
    after: Any


def differences(before: Recipe, after: Recipe) -> list[Change]:
    """What changes from one recipe to the other, in the order of the page."""
    changes = [
        Change(name, name.capitalize(), getattr(before, name), getattr(after, name))
        for name in ("title", "family")
        if getattr(before, name) != getattr(after, name)
    ]
    for group, (_, cls) in GROUPS.items():
        old, new = getattr(before, group), getattr(after, group)
        for spec in setting_fields(cls):
            was, now = getattr(old, spec.name), getattr(new, spec.name)
            if was == now:
                continue
            if spec.type != "table":
                changes.append(Change(f"{group}.{spec.name}", spec.label, was, now))
                continue
            changes += [
                Change(
                    f"{group}.{spec.name}.{key}", f"{spec.label}: {key}", was.get(key), now.get(key)
                )
                for key in dict.fromkeys([*was, *now])
                if was.get(key) != now.get(key)
            ]
    return changes
