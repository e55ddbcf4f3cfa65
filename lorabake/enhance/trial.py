"""A trial on a part of one picture, before anything is written: how it looks, and how long it takes.

The page starts it as a process of its own, because only there a network is loaded. Its folder holds
`trial.json` (what is asked), and then `result.json` and `after.png`, at the network's own scale.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import DeviceError, ImageError, JobError, LorabakeError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.image import load_rgb
from lorabake.core.lock import machine_lock
from lorabake.core.names import shown
from lorabake.core.process import Child, end_process, start_detached, wait_for
from lorabake.core.workspace import Workspace
from lorabake.enhance.estimate import keep_pace
from lorabake.enhance.models import Upscaler, resolve_upscaler

SIDE = 192  # px of the picture that are tried
LIMIT = 300.0  # seconds for one trial
_REQUEST, _RESULT, _AFTER, _LOG = "trial.json", "result.json", "after.png", "log.txt"
_KEPT = 60  # trials
_WARM_UP = 32  # px: the first call of a network sets it up, which is not its pace


@dataclass(frozen=True)
class Part:
    """A part of a picture, px of the upright original."""

    picture: Path
    sha256: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Tried:
    """What came of it. after: the file of the enlarged part; problem: why there is none."""

    after: Path | None = None
    problem: str = ""


def part_at(picture: Path, sha: str, size: tuple[int, int], x: float, y: float) -> Part:
    """The part around a place, given as shares of width and height."""
    width, height = min(SIDE, size[0]), min(SIDE, size[1])
    left = min(max(0, round(x * size[0] - width / 2)), size[0] - width)
    top = min(max(0, round(y * size[1] - height / 2)), size[1] - height)
    return Part(picture, sha, left, top, width, height)


class Trials:
    """The trials of one page: one at a time, and what was tried once is not tried again."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._home = workspace.cache_dir / "enhancing"
        self._child: Child | None = None
        self._folder: Path | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and wait_for(self._child, 0) is None

    def is_running(self, upscaler: Upscaler, part: Part) -> bool:
        return self.running and self._folder == self._folder_of(upscaler, part)

    def known(self, upscaler: Upscaler, part: Part) -> Tried | None:
        """What came of this trial; None when it was not made, or is not over."""
        folder = self._folder_of(upscaler, part)
        if self.is_running(upscaler, part) or not (folder / _REQUEST).exists():
            return None
        try:
            record: Any = read_json(folder / _RESULT)
            problem = str(record["problem"])
        except (OSError, LorabakeError, KeyError, TypeError):
            problem = (
                f"{shown(upscaler.name)} could not be tried: its process ended without a word."
            )
        after = folder / _AFTER
        if not problem and not after.is_file():
            return None
        return Tried(None if problem else after, problem)

    def begin(self, upscaler: Upscaler, part: Part) -> None:
        """Start it, unless it runs; another one that runs is ended."""
        if self.is_running(upscaler, part):
            return
        self.end()
        folder = self._folder_of(upscaler, part)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._tidy()
        record = {
            "format": 1,
            "workspace": str(self.workspace.root),
            "upscaler": str(upscaler.path),
            "name": upscaler.name,
            "picture": str(part.picture),
            "box": [part.left, part.top, part.width, part.height],
        }
        atomic_write_json(folder / _REQUEST, record)
        argv = [sys.executable, "-m", "lorabake.enhance", "--trial", str(folder)]
        try:
            self._child = start_detached(argv, log=folder / _LOG)
        except OSError as error:
            raise JobError(f"The trial could not be started ({error.strerror}).") from error
        self._folder = folder

    def forget(self, upscaler: Upscaler, part: Part) -> None:
        """So that it can be tried again."""
        if not self.is_running(upscaler, part):
            shutil.rmtree(self._folder_of(upscaler, part), ignore_errors=True)

    def end(self) -> None:
        """End a trial that runs; it leaves nothing."""
        child, folder = self._child, self._folder
        self._child = self._folder = None
        if child is None or folder is None or wait_for(child, 0) is not None:
            return
        end_process(child.pid, force=True)
        wait_for(child, 5)
        shutil.rmtree(folder, ignore_errors=True)

    def _folder_of(self, upscaler: Upscaler, part: Part) -> Path:
        box = f"{part.left},{part.top},{part.width},{part.height}"
        key = f"{upscaler.stamp}|{part.sha256}|{box}"
        return self._home / hashlib.sha256(key.encode()).hexdigest()[:24]

    def _tidy(self) -> None:
        with suppress(OSError):
            folders = sorted(self._home.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for folder in folders[:-_KEPT]:
                shutil.rmtree(folder, ignore_errors=True)


def do_trial(folder: Path) -> int:
    """The process: exit code 0, and `result.json` says what came of it."""
    try:
        record: Any = read_json(folder / _REQUEST)
        lock = machine_lock()
        if not lock.acquire(timeout=1.0):
            raise DeviceError("Something is baking now. Try it when that is done.")
        try:
            _watched(lambda: _try(folder, record))
        finally:
            lock.release()
        problem = ""
    except LorabakeError as error:
        problem = str(error)
    atomic_write_json(folder / _RESULT, {"problem": problem})
    return 0


def _try(folder: Path, record: Any) -> None:
    from lorabake.engine.device import find_device
    from lorabake.enhance.network import load_network
    from lorabake.enhance.upscale import write_png

    workspace = Workspace.open(Path(record["workspace"]))
    upscaler = resolve_upscaler(workspace, record["upscaler"], paths_allowed=True)
    upscaler = Upscaler(str(record["name"]), upscaler.path, upscaler.where, upscaler.size)
    network = load_network(upscaler.path, find_device(), name=upscaler.name)
    left, top, width, height = (int(number) for number in record["box"])
    part = load_rgb(Path(record["picture"]))[top : top + height, left : left + width]
    if part.shape[:2] != (height, width):
        raise ImageError("The picture was changed since it was looked at. Choose it again.")
    network.enlarge(part[:_WARM_UP, :_WARM_UP])
    network.seen = network.spent = 0.0
    write_png(folder / _AFTER, network.enlarge(part))
    keep_pace(workspace, upscaler, network.pace)


def _watched(work: Callable[[], None]) -> None:
    """End this process when it takes too long: a file may be made to be slow."""
    import os
    import threading

    timer = threading.Timer(LIMIT, lambda: os._exit(1))
    timer.daemon = True
    timer.start()
    try:
        work()
    finally:
        timer.cancel()
