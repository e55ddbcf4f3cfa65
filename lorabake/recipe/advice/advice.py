"""What a remark is, and the change that it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lorabake.recipe.recipe import Recipe, find_setting, with_setting

Level = Literal["stop", "warn", "hint"]


@dataclass(frozen=True)
class Fix:
    """What one click would do. label: of the button.

    changes: "general.epochs" → value, in this order. repeats: folder → repeats, by renaming it.
    """

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """One remark. "stop": the bake would fail. "warn": look before you bake. "hint": good to know.

    id: of the rule, "trigger.loose". why: the reason, with the guide's number where it has one.
    """

    level: Level
    text: str
    id: str = ""
    why: str = ""
    fix: Fix | None = None

    def to_mapping(self) -> dict[str, Any]:
        """For a page or `--json`."""
        found: dict[str, Any] = {"level": self.level, "text": self.text, "id": self.id}
        found["why"] = self.why
        if self.fix:
            found["fix"] = {
                "label": self.fix.label,
                "changes": dict(self.fix.changes),
                "repeats": dict(self.fix.repeats),
            }
        return found


def setting_fix(**changes: Any) -> Fix:
    """A change of settings, named on the button as on the form: `general__epochs=20`."""
    by_key = {name.replace("__", "."): value for name, value in changes.items()}
    parts = []
    for key, value in by_key.items():
        _, spec = find_setting(key)
        parts.append(f"{spec.label} to {_shown(value)}")
    return Fix(f"Set {' and '.join(parts)}", by_key)


def apply_fix(recipe: Recipe, fix: Fix) -> Recipe:
    """The recipe with what a fix changes in it; repeats are none of the recipe's."""
    for key, value in fix.changes.items():
        recipe = with_setting(recipe, key, value)
    return recipe


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
