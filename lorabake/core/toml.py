"""Reading settings files that others wrote, and writing our own.

A TOML file may come from anybody, and a parser can be kept busy for minutes by forty kilobytes of
dotted keys, or thrown off its stack by nested arrays. So a file is measured before it is parsed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lorabake.core.errors import RecipeError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_KEY_PARTS = 16

# What TOML is made of, as far as keys are concerned. Every alternative takes all it has seen, closed
# or not, so that one pass over the text is enough. A part of a key may be in quotes of either kind,
# with anything between them.
_TOKENS = re.compile(
    r"""
      (?P<space> [ \t]++ )
    | (?P<dot> \. )
    | (?P<other> \#[^\n]*+                                         # a remark
        | \"{3} (?: \\. | (?!\"{3}) [^\\] )*+ (?: \"{3,5}+ | \\?\Z )  # texts of several lines
        | '{3} (?: (?!'{3}) . )*+ (?: '{3,5}+ | \Z )
      )
    | (?P<part> \"(?: \\. | [^"\\\n] )*+\"? | '[^'\n]*+'? | [\w\-]++ )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def read_toml(path: Path) -> dict[str, Any]:
    """The contents of a settings file; raises RecipeError with one sentence when it cannot be used."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise RecipeError(f"The settings file {path.name} cannot be read: {reason}.") from None
    if len(data) > MAX_BYTES:
        raise RecipeError(
            f"{path.name} is larger than {MAX_BYTES // 1024} KB, so it is not a settings file. "
            "Choose the TOML file that a preset or a trainer wrote."
        )
    try:
        return parse_toml(data.decode("utf-8-sig"), path.name)
    except UnicodeDecodeError:
        raise RecipeError(
            f"{path.name} is not UTF-8 text. Save it as UTF-8 and load it again."
        ) from None


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The contents of TOML text; `name` is what the user knows it by."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES or _key_parts(text) > MAX_KEY_PARTS:
        raise RecipeError(f"{name} is nested too deeply or too large to be a settings file.")
    try:
        contents = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(
            f"{name} is not valid TOML: {error}. Mend that line and load it again."
        ) from None
    except (RecursionError, ValueError):
        raise RecipeError(
            f"{name} is nested too deeply or has a number too long to be a settings file."
        ) from None
    if _depth(contents) > MAX_DEPTH:
        raise RecipeError(
            f"{name} is nested deeper than {MAX_DEPTH} levels, so it is not a settings file."
        )
    return contents


def _key_parts(text: str) -> int:
    """The most parts of a dotted key. A number such as 1.5 counts as one of two parts."""
    most = parts = 0
    after_dot = False
    for token in _TOKENS.finditer(text):
        if token.lastgroup == "part":
            parts = parts + 1 if after_dot else 1
            most = max(most, parts)
        if token.lastgroup != "space":
            after_dot = token.lastgroup == "dot"
    return most


def _depth(value: object, limit: int = MAX_DEPTH + 1) -> int:
    if limit == 0 or not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, limit - 1) for item in inner), default=0)


def dump_toml(contents: Mapping[str, Any], comments: Mapping[str, str] | None = None) -> str:
    """TOML text of nested mappings; `comments` maps "table.key" to a remark behind that line."""
    import tomlkit

    document = tomlkit.document()
    for key, value in contents.items():
        if isinstance(value, Mapping):
            document.add(tomlkit.nl())
            document.add(key, _table(key, value, comments or {}))
        else:
            document.add(key, tomlkit.item(value))
    return tomlkit.dumps(document)


def _table(path: str, contents: Mapping[str, Any], comments: Mapping[str, str]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in contents.items():
        if isinstance(value, Mapping):
            table.add(key, _table(f"{path}.{key}", value, comments))
            continue
        item = tomlkit.item(value)
        if remark := comments.get(f"{path}.{key}"):
            item.comment(remark)
        table.add(key, item)
    return table
