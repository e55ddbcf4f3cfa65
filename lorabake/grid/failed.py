"""Why pictures of a grid could not be rendered, kept in its folder for whoever looks later."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import MIB, atomic_write_json, read_json

ERRORS = "errors.json"
MAX_ERRORS = 4 * MIB  # 400 cells; longer than that is nobody's sentence
LONGEST = 2000  # characters of one reason


def write_errors(folder: Path, errors: Mapping[str, str]) -> None:
    """Keep the reasons, by the name of a cell's file; none takes those of an earlier time away."""
    if not errors and not (folder / ERRORS).exists():
        return
    told = {name: reason[:LONGEST] for name, reason in errors.items()}
    atomic_write_json(folder / ERRORS, {"format": 1, "cells": told}, limit=MAX_ERRORS)


def read_errors(folder: Path) -> dict[str, str]:
    """What `write_errors` kept; {} when there is nothing, or nothing that can be read."""
    with suppress(OSError, WorkspaceError, AttributeError, KeyError, TypeError):
        record: Any = read_json(folder / ERRORS, limit=MAX_ERRORS)
        return {str(name): str(reason) for name, reason in record["cells"].items()}
    return {}
