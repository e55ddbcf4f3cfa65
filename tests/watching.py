"""What this process opens, lists, makes, moves and deletes, as Python itself tells it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lorabake.core import decoder

# Audit events whose first argument is a path, and those with a second one.
_READS = (
    "os.listdir",
    "os.scandir",
    "pathlib.Path.glob",
    "pathlib.Path.rglob",
    "glob.glob",
    "os.walk",
)
_WRITES = (
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.utime",
    "os.truncate",
    "os.setxattr",
)
_PAIRS = ("os.rename", "os.link", "os.symlink", "shutil.copyfile", "shutil.move", "shutil.copytree")
_seen: list[tuple[str, str]] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event == "open":
        path, mode, flags = (*arguments, None, None, None)[:3]
        writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or (
            isinstance(mode, str) and any(letter in mode for letter in "wax+")
        )
        _note("write" if writes else "read", path)
    elif event in _READS or event == "sqlite3.connect":
        _note("read", arguments[0])
    elif event in _WRITES or event == "shutil.rmtree":
        _note("write", arguments[0])
    elif event in _PAIRS:
        _note("read" if event.startswith("shutil.copy") else "write", arguments[0])
        _note("write", arguments[1])


def _note(kind: str, path: Any) -> None:
    if _seen is None or isinstance(path, int) or path is None:
        return
    try:
        text = os.fsdecode(os.fspath(path))
    except (TypeError, ValueError):
        return
    if not text.startswith((":memory:", "file:")):
        _seen.append((kind, text))


sys.addaudithook(_hear)  # there is no taking it away again; it does nothing while nobody watches


@contextmanager
def watched_files() -> Iterator[list[tuple[str, str]]]:
    """("read" or "write", path) of everything meanwhile, in this process and by the decoders."""
    global _seen
    before = decoder.Decoder.ask

    def ask(self: decoder.Decoder, request: dict[str, Any], **options: Any) -> decoder.Answer:
        _note("read", request.get("path"))
        return before(self, request, **options)

    decoder.Decoder.ask = ask  # type: ignore[method-assign]
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None
        decoder.Decoder.ask = before  # type: ignore[method-assign]


def strayed(seen: list[tuple[str, str]], homes: tuple[Path, ...]) -> list[tuple[str, str]]:
    """What lies outside of these folders, links followed; not what Python and its libraries read.

    A name with NUL in it reaches no file, and is left out.
    """
    libraries = tuple({Path(one).resolve() for one in (sys.prefix, sys.base_prefix, _ROOT)})
    found = []
    for kind, text in dict.fromkeys(seen):
        if "\0" in text:
            continue
        path = Path(os.path.realpath(text))
        if any(path.is_relative_to(home.resolve()) for home in homes):
            continue
        if kind == "read" and (_of(path, _SYSTEM) or _of(path, libraries)):
            continue
        if kind == "write" and (path == Path(os.devnull) or "__pycache__" in path.parts):
            continue
        found.append((kind, str(path)))
    return found


_ROOT = Path(__file__).resolve().parents[1]
# Where libraries look by themselves; not the whole of /etc, which hostile names aim at.
_SYSTEM = tuple(
    Path(one)
    for one in (
        *("/proc", "/sys", "/dev", "/usr", "/lib", "/etc/ssl", "/etc/mime.types", "/etc/localtime"),
        *("/etc/os-release", "/etc/timezone", "/etc/nsswitch.conf", "/etc/resolv.conf"),
    )
)


def _of(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
