"""`~` at the beginning of a path that somebody typed."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """The path with the home folder in place of `~`; `~nobody`, of whom there is none, stays."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # ValueError: a NUL in it
        return Path(path)
