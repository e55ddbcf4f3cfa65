"""Small things that a person decided about pictures: stars, crops, pairs that are no duplicates.

One JSON file each in the hidden folder `.marks/` of a data set, known by content (sha256), so that
renaming loses nothing; changed through the history, so that deciding can be undone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorabake.core.changes import MAX_FILE
from lorabake.core.errors import DatasetError, WorkspaceError
from lorabake.core.history import Outcome, StaleChange, Write, open_history
from lorabake.core.names import is_safe_name, shown

MARKS = ".marks"
_TRIES = 3

Marks = dict[str, Any]


def read_marks(root: Path, name: str) -> Marks:
    """What is marked; {} when nothing is, or when the file is damaged."""
    return _parsed(_content(_path(root, name)))


def change_marks(
    root: Path, name: str, change: Callable[[Marks], Marks], title: str, *, origin: str
) -> Outcome:
    """Read, change, and write as one step. change: may be asked again when another window was faster."""
    path = _path(root, name)
    for attempt in range(_TRIES):
        before = _content(path)
        known = _parsed(before)
        marks = change(dict(known))
        after = json.dumps(
            marks, ensure_ascii=False, separators=(",", ":"), sort_keys=True
        ).encode()
        if marks == known:
            return Outcome(None)
        if len(after) > MAX_FILE:
            raise DatasetError(
                f"There are more {name} than can be kept for one data set. Take some back first."
            )
        _prepare(path.parent)
        try:
            return open_history(root).do(
                title, [Write(f"{MARKS}/{path.name}", before, after)], origin=origin
            )
        except StaleChange:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _path(root: Path, name: str) -> Path:
    assert is_safe_name(name), name
    return root / MARKS / f"{name}.json"


def _content(path: Path) -> bytes | None:
    try:
        if path.is_symlink() or path.parent.is_symlink() or path.stat().st_size > MAX_FILE:
            return None
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkspaceError(
            f"{shown(path.name)} could not be read ({error.strerror}). Look at its permissions."
        ) from error


def _parsed(content: bytes | None) -> Marks:
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} could not be made ({error.strerror}). Look at its permissions."
        ) from error
