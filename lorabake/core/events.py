"""events.jsonl: what a job says while it works. The worker appends, the page reads on.

One JSON object a line: {"type": …, "time": seconds since 1970, "data": {…}}. A line without its
newline is still being written (or never will be): readers leave it, the next writer removes it.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast, get_args

from lorabake.core.files import disk_full_as_sentence

EventType = Literal[
    "phase",  # name, detail: what is being done now
    "plan",  # steps, steps_per_epoch, epochs, images, …
    "step",  # step, epoch, loss, loss_average, lr {unet, …}, effective {…}, seconds, grad_norm
    "validation",  # epoch, step, loss, base (without the LoRA), by_timestep: held-out pictures
    "sample",  # epoch, step, path (name in previews/), prompt: one picture while it bakes
    "checkpoint",  # path (name only), epoch, step, loss, mib
    "progress",  # done, total (or null): bytes of a download
    "cell",  # label, epoch, weight, path, done, total: one picture of a grid
    "warning",  # text
    "note",  # text
    "finished",  # the last word: one of these three
    "failed",  # text, details
    "stopped",  # step, text
]
EVENT_TYPES: frozenset[str] = frozenset(get_args(EventType))
LAST_WORDS = frozenset({"finished", "failed", "stopped"})
_KEEP_AT_POWER_CUT = LAST_WORDS | {"checkpoint"}
_TAIL = 64 * 1024  # bytes; some 300 steps
_MAX_LINE = 1024 * 1024  # bytes


@dataclass(frozen=True)
class Event:
    """One thing said. time: seconds since 1970; data: what EventType lists."""

    type: EventType
    time: float
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_last_word(self) -> bool:
        return self.type in LAST_WORDS

    @property
    def line(self) -> bytes:
        record = {"type": self.type, "time": round(self.time, 3), "data": self.data}
        try:
            text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=str)
        except ValueError:  # NaN and infinity are not JSON
            text = json.dumps(_finite(record), ensure_ascii=False, default=str)
        return text.encode("utf-8", "replace") + b"\n"


class EventWriter:
    """The worker's end. One process at a time: whoever holds the job's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_step = 0
        self._guard = threading.Lock()
        _drop_half_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, type: EventType, **data: Any) -> Event:
        """Append one event; DiskFull when there is no room, and then nothing is half there."""
        event = Event(type, time.time(), data)
        line = event.line
        with self._guard, disk_full_as_sentence(self.path):
            before = self._file.seek(0, os.SEEK_END)
            try:
                _write_all(self._file.fileno(), line)
            except OSError:
                with suppress(OSError):
                    self._file.truncate(before)
                raise
            if type in _KEEP_AT_POWER_CUT:
                os.fsync(self._file.fileno())
        if type == "step":
            self.last_step = int(data.get("step", self.last_step))
        return event

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Events written after `offset` bytes, and the offset to ask from next time.

    Lines that are damaged are left out. A file shorter than `offset` was begun anew, and is read
    from its beginning.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = offset if 0 <= offset <= size else 0
            file.seek(start)
            whole, newline, _ = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return [], 0
    return _parse(whole), start + len(whole) + len(newline)


def read_tail(path: Path, since: int = 0) -> list[Event]:
    """The last events (about 64 KiB of them), none from before the byte `since`."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(min(since, size), size - _TAIL, 0)
            file.seek(max(start - 1, 0))
            data = file.read()
    except FileNotFoundError:
        return []
    if start > 0:  # begins inside a line unless a newline comes just before
        data = data.partition(b"\n")[2]
    return _parse(data.rpartition(b"\n")[0])


def read_head(path: Path, since: int = 0) -> list[Event]:
    """The first events after the byte `since` (about 64 KiB of them)."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(max(since, 0), size))
            data = file.read(_TAIL)
    except FileNotFoundError:
        return []
    return _parse(data.rpartition(b"\n")[0])


def _parse(lines: bytes) -> list[Event]:
    parsed = []
    for line in lines.split(b"\n"):
        if not line or len(line) > _MAX_LINE:
            continue
        try:
            record = json.loads(line)
            type_, moment, data = record["type"], float(record["time"]), record["data"]
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
        if isinstance(type_, str) and type_ in EVENT_TYPES and isinstance(data, dict):
            parsed.append(Event(cast(EventType, type_), moment, data))
    return parsed


def _drop_half_line(path: Path) -> None:
    """What a killed writer left behind its last newline."""
    with suppress(FileNotFoundError), path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - _TAIL, 0)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _finite(value: Any) -> Any:
    """NaN and infinities become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
