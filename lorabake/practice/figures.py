"""Figures that the practice model has to reach, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number. target: None for what is only reported; at_most: smaller is better."""

    group: str
    name: str
    value: float
    target: float | None = None
    at_most: bool = False
    unit: str = "%"

    @property
    def is_met(self) -> bool:
        if self.target is None:
            return True
        return self.value <= self.target if self.at_most else self.value >= self.target

    def as_mapping(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.is_met}


def share(hits: Sequence[bool]) -> float:
    """How many are true, in percent."""
    return 100 * sum(hits) / len(hits) if hits else 0.0


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines of text, a group at a time; what misses its target is marked."""
    lines = []
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            lines += ["", group]
        goal = ""
        if figure.target is not None:
            sign = "<=" if figure.at_most else ">="
            goal = f"{sign} {figure.target:g}  {'ok' if figure.is_met else 'MISSED'}"
        lines.append(f"  {figure.name:<44}{figure.value:>7.1f} {figure.unit:<3} {goal}".rstrip())
    return "\n".join(lines).lstrip("\n")
