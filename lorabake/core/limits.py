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
from lorabake.core.image import MAX_PIXELS, SUFFIXES

MODE_VARIABLE = "LORABAKE_MODE"
GIB = 1024 * MIB
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
    pixels: of a picture that is taken in. queue: jobs that may wait, of everybody; jobs_each: of one
    person, the one at work among them. job_seconds: how long one may work; None for as long as it
    takes. disk: bytes a workspace may hold before nothing more is taken in; None for what the disk
    has. visitors: who each have a workspace of their own, at most; None where there is but one
    workspace. idle, visit: seconds without a request, and in all, after which such a workspace goes.
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
    pixels: int = MAX_PIXELS
    queue: int = 1000
    jobs_each: int = 1000
    job_seconds: float | None = None
    disk: int | None = None
    visitors: int | None = None
    idle: float | None = None
    visit: float | None = None
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

    def require_turn(self, mine: int) -> None:
        """mine: jobs of this person that wait or are worked on."""
        if mine >= self.jobs_each:
            raise JobError(
                "You have a job already, and here it is one at a time. Wait for it to end, or stop it."
            )

    def require_place_in_queue(self, waiting: int) -> None:
        if waiting >= self.queue:
            raise JobError(
                f"{self.queue} {'job waits' if self.queue == 1 else 'jobs wait'} already, which is "
                "as many as there may be. Wait for one to end, or take one off the list."
            )

    def require_pixels(self, name: str, width: int, height: int) -> None:
        if width * height > self.pixels:
            raise WorkspaceError(
                f"{name} was not added: it is {width} × {height} px, and here a picture may have "
                f"{self.pixels // 1_000_000} megapixels. Make it smaller first."
            )

    def require_room(self, root: Path, more: int = 0) -> None:
        """The workspace may still grow, by so many bytes."""
        if self.disk is not None and size_of(root) + max(more, 1) > self.disk:
            raise WorkspaceError(
                f"There is no room for this: all that is yours here may take {self.disk // MIB} MB. "
                "Begin anew, or go on in a lorabake of your own."
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
    upload_kinds=tuple(SUFFIXES),
    upload_file=8 * MIB,
    upload_zip=0,
    upload_model=0,
    upload_files=40,
    pixels=16_000_000,
    queue=4,
    jobs_each=1,
    job_seconds=120.0,
    disk=200 * MIB,
    visitors=24,
    idle=3600.0,
    visit=4 * 3600.0,
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
