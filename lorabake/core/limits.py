"""What this start of the program may do: one table for each way of running it.

The way is chosen once, when the program starts, and told to its child processes in their
environment; nothing on the page can change it. See docs/security.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import JobError, LorabakeError, ModelFileError, WorkspaceError
from lorabake.core.files import MIB
from lorabake.core.image import SUFFIXES

MODE_VARIABLE = "LORABAKE_MODE"
GIB = 1024 * MIB
TEXTS = (".txt", ".caption", ".csv", ".json", ".toml")
MODELS = (".pth", ".pt", ".safetensors")
ARCHIVES = (".zip",)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit of one way of running.

    roles: who may come at all (see `ui/roles.py`).
    network: whether anything may be asked of other machines. keys: whether keys can be kept.
    deleting: whether something may be deleted for good. models: names of base models; None for all.
    upload_kinds: endings that may be sent; None for all. upload_file, upload_zip, upload_model:
    bytes of one file; upload_files: of one drop.
    queue: jobs that may wait. job_seconds: how long one may work; None for as long as it takes.
    disk: bytes the workspace may hold before nothing more is taken in; None for what the disk has.
    link_hours: how long a link for remote help may live, at most; 0 for none.
    """

    mode: str
    roles: frozenset[str]
    network: bool = True
    keys: bool = True
    deleting: bool = True
    models: tuple[str, ...] | None = None
    upload_kinds: tuple[str, ...] | None = None
    upload_file: int = 64 * MIB
    upload_zip: int = 4 * GIB
    upload_model: int = GIB
    upload_files: int = 20_000
    queue: int = 1000
    job_seconds: float | None = None
    disk: int | None = None
    link_hours: int = 8

    def upload_bytes(self, name: str) -> int:
        """How large a file of this name may be; WorkspaceError when it may not be sent at all."""
        ending = Path(name).suffix.lower()
        if self.upload_kinds is not None and ending not in self.upload_kinds:
            raise WorkspaceError(f"Files that end in {ending or 'nothing'} are not taken here.")
        if ending in ARCHIVES:
            return self.upload_zip
        return self.upload_model if ending in MODELS else self.upload_file

    def require_network(self) -> None:
        if not self.network:
            raise LorabakeError("Nothing is fetched from the net here. Start lorabake on your own.")

    def require_keys(self) -> None:
        if not self.keys:
            raise WorkspaceError("No keys are kept here. Enter yours in a lorabake of your own.")

    def require_deleting(self) -> None:
        if not self.deleting:
            raise WorkspaceError("Nothing is deleted for good here. What is in the bin stays.")

    def require_model(self, name: str) -> None:
        if self.models is not None and name and name not in self.models:
            raise ModelFileError(f"Only {', '.join(self.models)} can be baked with here.")

    def require_place_in_queue(self, waiting: int) -> None:
        if waiting >= self.queue:
            raise JobError(
                f"{self.queue} {'job waits' if self.queue == 1 else 'jobs wait'} already, which is "
                "as many as there may be. Wait for one to end, or take one off the list."
            )

    def require_room(self, root: Path) -> None:
        """The workspace may still grow."""
        if self.disk is not None and size_of(root) >= self.disk:
            raise WorkspaceError(
                f"This place is full: it holds {self.disk // MIB} MB. Delete pictures or bakes first."
            )


LOCAL = Limits(mode="local", roles=frozenset({"owner"}))
SHARE = Limits(mode="share", roles=frozenset({"owner", "helper", "viewer"}))
DEMO = Limits(
    mode="demo",
    roles=frozenset({"visitor"}),
    network=False,
    keys=False,
    deleting=False,
    models=("practice",),
    upload_kinds=(*SUFFIXES, *TEXTS, *ARCHIVES),
    upload_file=16 * MIB,
    upload_zip=64 * MIB,
    upload_model=0,
    upload_files=200,
    queue=8,
    job_seconds=15 * 60.0,
    disk=4 * GIB,
    link_hours=0,
)
MODES = {limits.mode: limits for limits in (LOCAL, SHARE, DEMO)}


def choose_mode(mode: str) -> Limits:
    """Decide it for this process and for those it starts."""
    chosen = MODES[mode]
    os.environ[MODE_VARIABLE] = chosen.mode
    return chosen


def limits() -> Limits:
    """Those of this process. An unknown way of running is the narrowest one."""
    return MODES.get(os.environ.get(MODE_VARIABLE, LOCAL.mode), DEMO)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what vanishes meanwhile does not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:
                continue
    return total
