"""The language the kohya trainers share: arguments by name, whatever file they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Table = dict[str, Any]


@dataclass
class Arguments:
    """One training as the kohya trainers' command line says it.

    args: by argument name. network, optimizer, scheduler: the "key=value" pairs of the three list
    arguments. dataset: what holds for all folders. subsets: one table per folder. lost: lines about
    what could not even be laid out like this.
    """

    args: Table = field(default_factory=dict)
    network: Table = field(default_factory=dict)
    optimizer: Table = field(default_factory=dict)
    scheduler: Table = field(default_factory=dict)
    dataset: Table = field(default_factory=dict)
    subsets: list[Table] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def pairs(value: Any) -> Table:
    """`["a=1", "b=x"]`, "a=1 b=x" or a table, as a table; what is none of these is left out."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list | tuple):
        return {}
    split = (item.partition("=") for item in value if isinstance(item, str) and "=" in item)
    return {key.strip(): text.strip() for key, _, text in split}


def lines(table: Mapping[str, Any]) -> list[str]:
    """A table as the "key=value" list of a command line."""
    return [f"{key}={text(value)}" for key, value in table.items()]


def text(value: Any) -> str:
    """A value as one types it into the optional args: "0.9,0.99", "True"."""
    return ",".join(map(text, value)) if isinstance(value, list | tuple) else str(value)


def patched(original: Any, before: Any, after: Any) -> Any:
    """`original` with the differences between `before` and `after`, and nothing else changed.

    So what a file said in its own way, or said of things unknown here, stays word for word as long
    as the user has not changed that setting.
    """
    if not (isinstance(original, Mapping) and isinstance(before, Mapping)):
        return after
    result = dict(original)
    for key in _ordered(before, after):
        if key in before and key in after and before[key] == after[key]:
            continue
        if key not in after:
            result.pop(key, None)
        elif isinstance(after[key], Mapping):
            result[key] = patched(result.get(key, {}), before.get(key, {}), after[key])
        else:
            result[key] = after[key]
    return result


def _ordered(*tables: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(key for table in tables for key in table))
