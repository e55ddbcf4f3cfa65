"""Which file a name means: LoRAs of the run, of its neighbours and of other programs; base models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.registry import unknown_name
from lorabake.core.run import Run
from lorabake.core.workspace import Workspace, inside
from lorabake.engine.lora_file import model_hash, read_metadata
from lorabake.grid.axes import choose_epochs
from lorabake.recipe.models import resolve_base

MAX_FILES = 20_000  # that are looked at in the folders of other programs
_SUFFIX = ".safetensors"


class Library:
    """LoRA files by the name a prompt gives them: that of the file, without its ending.

    folders: of other programs. Raises GridError for a run that has no file yet.
    """

    def __init__(self, run: Run, folders: Sequence[Path] = ()) -> None:
        self.run = run
        self.folders = folders
        checkpoints = run.checkpoints()
        choose_epochs("", [checkpoint.epoch for checkpoint in checkpoints])
        self.own = {checkpoint.path.stem: checkpoint.path for checkpoint in checkpoints}
        self.others: dict[str, Path] = {}  # of other runs, as far as an axis asked for them
        self.newest = checkpoints[-1].path

    @property
    def names(self) -> list[str]:
        """Of all files that an axis may put in place of each other; the run's own come last."""
        return [*self.others, *self.own]

    def files_of(self, text: str) -> list[str]:
        """The files that a text of epochs lists: `7-10`, `-10, -09`, or `OTHER_RUN:7-10`."""
        names: list[str] = []
        for piece in text.replace("\n", ",").split(","):
            other, colon, epochs = piece.rpartition(":")
            if piece.strip() or not names:
                names += self._of_run(other.strip() if colon else "", epochs)
            if not text.strip():
                break
        return list(dict.fromkeys(names))

    def path(self, name: str) -> Path:
        """Where a LoRA lies; GridError when there is none of this name."""
        path = self.own.get(name) or self.others.get(name) or self._elsewhere.get(name)
        if path is None:
            raise GridError(unknown_name("LoRA", name, tuple(self.own)))
        return path

    def record(self, name: str) -> tuple[str, str]:
        """Path and hash of a LoRA, the path below the run's folder where it lies there."""
        path, home = self.path(name), self.run.folder
        return str(path.relative_to(home) if path.is_relative_to(home) else path), hash_of(path)

    def _of_run(self, other: str, epochs: str) -> list[str]:
        if not other:
            run, taken = self.run, {}
        else:
            run, taken = Run(inside(self.run.folder.parent, other)), self.own
        there = {checkpoint.epoch: checkpoint.path for checkpoint in run.checkpoints()}
        if other and not there:
            raise GridError(f"There is no run {other!r} with LoRA files beside {self.run.name}.")
        names = []
        for epoch in choose_epochs(epochs, list(there)):
            path = there[epoch]
            name = f"{other}/{path.stem}" if path.stem in taken else path.stem
            if other:
                self.others[name] = path
            names.append(name)
        return names

    @cached_property
    def _elsewhere(self) -> dict[str, Path]:
        """What lies in other runs, and in the folders of other programs; the first of a name."""
        found: dict[str, Path] = {}
        with suppress(OSError):
            runs = self.run.folder.parent.iterdir()
            for folder in sorted(one for one in runs if not one.is_symlink()):
                for checkpoint in Run(folder).checkpoints():
                    found.setdefault(checkpoint.path.stem, checkpoint.path)
        looked_at = 0
        for folder in self.folders:
            for place, _, files in os.walk(folder):
                for file in sorted(files):
                    looked_at += 1
                    if file.endswith(_SUFFIX) and looked_at <= MAX_FILES:
                        found.setdefault(file.removesuffix(_SUFFIX), Path(place, file))
        return found


def hash_of(path: Path) -> str:
    """As the file says, else of its bytes; "" when it cannot be read, which rendering will say."""
    try:
        return read_metadata(path).get("sshs_model_hash") or model_hash(path)
    except (LorabakeError, OSError):
        return ""


class Bases:
    """Base models by name, or by path where a person at a terminal names one (paths_allowed)."""

    def __init__(self, workspace: Workspace, *, paths_allowed: bool = True) -> None:
        self.workspace = workspace
        self.paths_allowed = paths_allowed
        self.found: dict[str, Path] = {}

    def check(self, name: str) -> str:
        """The name that is shown for a model, without folder and ending."""
        path = resolve_base(self.workspace, name, paths_allowed=self.paths_allowed)
        shown = path.name.removesuffix(_SUFFIX) if os.sep in name else name.removesuffix(_SUFFIX)
        self.found[shown] = path
        return shown

    def path(self, shown: str) -> Path:
        return self.found[shown]
