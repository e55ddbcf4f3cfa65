"""A run folder: everything one training (or grid) was asked, says and leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.names import natural_key

if TYPE_CHECKING:
    from lorabake.core.status import RunStatus

_EPOCH = re.compile(r"-([0-9]{2,6})\.safetensors")


@dataclass(frozen=True)
class CheckpointFile:
    path: Path
    epoch: int


@dataclass(frozen=True)
class Run:
    """The places in a run folder. Nothing here needs to exist yet."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def recipe_path(self) -> Path:
        """Exactly what was asked."""
        return self.folder / "recipe.toml"

    @property
    def manifest_path(self) -> Path:
        """The frozen dataset."""
        return self.folder / "dataset.json"

    @property
    def job_path(self) -> Path:
        return self.folder / "job.json"

    @property
    def process_path(self) -> Path:
        """Which process works (or worked last) here; written by that process."""
        return self.folder / "process.json"

    @property
    def lock_path(self) -> Path:
        """Held by the worker while it lives."""
        return self.folder / "lock"

    @property
    def events_path(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    @property
    def stop_path(self) -> Path:
        """Exists = finish the step, save, leave. What is written in it says why; nothing: somebody asked."""
        return self.folder / "stop"

    @property
    def stopped_because(self) -> str:
        """A sentence when it was not a person who stopped it, else ""."""
        try:
            with self.stop_path.open(encoding="utf-8") as file:
                return file.read(300)
        except (OSError, ValueError):
            return ""

    @property
    def state_dir(self) -> Path:
        """What resuming needs."""
        return self.folder / "state"

    @property
    def previews_dir(self) -> Path:
        return self.folder / "previews"

    @property
    def grid_dir(self) -> Path:
        return self.folder / "grid"

    def checkpoints(self) -> list[CheckpointFile]:
        """The LoRA files `NAME-07.safetensors`, by epoch."""
        found = [
            CheckpointFile(path, int(match[1]))
            for path in sorted(self.folder.glob("*.safetensors"), key=lambda p: natural_key(p.name))
            if not path.name.startswith(".") and (match := _EPOCH.search(path.name))
        ]
        return sorted(found, key=lambda checkpoint: checkpoint.epoch)

    def status(self) -> RunStatus:
        """How it stands; see core/status.py."""
        from lorabake.core.status import read_status

        return read_status(self)
