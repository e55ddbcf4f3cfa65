"""Noticing that somebody else changed a folder's files: another window, a job, another program."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lorabake.core.links import leads_out

Stamp = tuple[int, int]  # time of change in ns, bytes


class Watch:
    """What the files of a dataset looked like when they were last read; one level of folders.

    Hidden files and folders are nobody's pictures: temporary files, the notebook `.lorabake`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._times = _folder_times(root)
        self._files = {folder: _files(folder) for folder in self._times}

    def changed(self, *, everywhere: bool) -> set[Path] | None:
        """Files that came, went or changed since they were last looked at; None when folders did.

        everywhere: look at each file. Otherwise only into folders whose own time of change is
        another, which misses what was written into a file that is still the same one.
        """
        times = _folder_times(self.root)
        if times.keys() != self._times.keys():
            return None
        changed: set[Path] = set()
        for folder, time in times.items():
            if everywhere or time != self._times[folder]:
                found = _files(folder)
                different = found.items() ^ self._files[folder].items()
                changed.update(folder / name for name, _ in different)
                self._files[folder] = found
        self._times = times
        return changed

    def accept(self, paths: Iterable[Path]) -> None:
        """These files were changed by ourselves, and are known already."""
        for path in paths:
            files = self._files.get(path.parent)
            if files is not None:
                files.pop(path.name, None)
                with suppress(OSError):
                    files[path.name] = _stamp(path.stat())
        with suppress(OSError):
            self._times = {folder: folder.stat().st_mtime_ns for folder in self._times}

    def time_of(self, path: Path) -> int:
        """When a file was last changed, in ns; 0 for one that is not there."""
        return self._files.get(path.parent, {}).get(path.name, (0, 0))[0]


def _folder_times(root: Path) -> dict[Path, int]:
    times = {}
    with suppress(OSError):
        times[root] = root.stat().st_mtime_ns
        with os.scandir(root) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".")
                if not hidden and entry.is_dir() and not leads_out(root / entry.name):
                    times[root / entry.name] = entry.stat().st_mtime_ns
    return times


def _files(folder: Path) -> dict[str, Stamp]:
    """The stamps of a folder's files; of its folders only that they are there."""
    found = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                with suppress(OSError):
                    found[entry.name] = (0, 0) if entry.is_dir() else _stamp(entry.stat())
    return found


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_mtime_ns, stat.st_size
