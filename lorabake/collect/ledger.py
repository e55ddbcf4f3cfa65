"""What became of each post of a download, line by line, so that a kill costs one picture at most."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lorabake.collect.post import Post

MAX_REASON = 400  # characters


@dataclass(frozen=True)
class Entry:
    """One post. key: "gelbooru 123"; name: its file, "" when it was left out, for a reason.

    again: the reason may pass (a site that was down), so resuming tries it once more. size: bytes.
    """

    key: str
    name: str = ""
    sha256: str = ""
    md5: str = ""
    size: int = 0
    reason: str = ""
    again: bool = False

    @property
    def is_saved(self) -> bool:
        return bool(self.name)


def key_of(post: Post) -> str:
    return f"{post.site} {post.id}"


class Ledger:
    """A file of entries; the latest of each post counts. For any number of threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self.entries: dict[str, Entry] = {entry.key: entry for entry in _read(path)}

    def add(self, entry: Entry) -> None:
        line = json.dumps({name: value for name, value in asdict(entry).items() if value})
        with self._guard:
            self.entries[entry.key] = entry
            with self.path.open("ab") as file:
                # A kill may have left half a line: it stays by itself.
                file.write(b"\n" + line.encode() + b"\n")

    @property
    def saved(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.is_saved]

    @property
    def skipped(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if not entry.is_saved]

    def is_done(self, key: str) -> bool:
        """Neither to be fetched nor to be tried once more."""
        entry = self.entries.get(key)
        return entry is not None and not entry.again


def _read(path: Path) -> Iterator[Entry]:
    try:
        with path.open("rb") as file:
            for line in file:
                entry = _entry(line) if line.endswith(b"\n") else None
                if entry is not None:
                    yield entry
    except FileNotFoundError:
        return


def _entry(line: bytes) -> Entry | None:
    try:
        record: Any = json.loads(line)
        return Entry(**record) if isinstance(record, dict) and record.get("key") else None
    except (ValueError, TypeError, RecursionError):
        return None
