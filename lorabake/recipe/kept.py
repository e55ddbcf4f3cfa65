"""What a recipe keeps of another trainer's file, and the secrets that are never part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lorabake.core.errors import RecipeError
from lorabake.core.toml import dump_toml, parse_toml

# A value under such a name is never shown, kept or copied.
_SECRET = re.compile(r"api_?key|token$|_token\b|passw|secret|credential|authorization", re.I)
_NO_SECRET = {"class_token", "max_token", "keep_token"}
_SECRET_VALUE = re.compile(r"hf_[A-Za-z0-9]{16,}|\b[0-9a-f]{40}\b(?=.*wandb)|sk-[A-Za-z0-9]{16,}")


def is_secret(key: str, value: Any = None) -> bool:
    """Whether this is somebody's key to some service."""
    if key.lower() not in _NO_SECRET and _SECRET.search(key):
        return True
    return isinstance(value, str) and bool(_SECRET_VALUE.search(value))


def without_secrets(value: Any, removed: list[str]) -> Any:
    """A copy of a file's data without secrets; their names are added to `removed`."""
    if isinstance(value, Mapping):
        kept = {}
        for key, item in value.items():
            if is_secret(str(key), item):
                removed.append(str(key))
            else:
                kept[str(key)] = without_secrets(item, removed)
        return kept
    if isinstance(value, list):
        plain = []
        for item in value:
            name, equals, _ = item.partition("=") if isinstance(item, str) else ("", "", "")
            if equals and is_secret(name.strip()):
                removed.append(name.strip())
            elif is_secret("", item):
                removed.append("a value that looks like a key")
            else:
                plain.append(without_secrets(item, removed))
        return plain
    return value


def clean_kept(kept: Mapping[str, Any], removed: list[str] | None = None) -> dict[str, Any]:
    """A recipe's `kept` without secrets that somebody typed into it; their names go to `removed`.

    The texts in it are TOML files. One without a secret stays word for word; one that is no TOML
    is of no use to anybody and left out.
    """
    removed = [] if removed is None else removed
    clean: dict[str, Any] = {}
    for key, value in kept.items():
        if is_secret(key):
            removed.append(key)
        elif isinstance(value, str):
            if (text := _clean_text(value, removed)) is not None:
                clean[key] = text
        else:
            clean[key] = without_secrets(value, removed)
    return clean


def _clean_text(text: str, removed: list[str]) -> str | None:
    found: list[str] = []
    try:
        plain = without_secrets(parse_toml(text, "The kept file"), found)
        removed += found
        # A remark may hold a secret too. Our own texts have none.
        return dump_toml(plain) if found or "#" in text else text
    except (RecipeError, ValueError):  # Python refuses to write out very long whole numbers
        return None
