"""Fetching lists in a process of its own: the page stays free, and a reload finds it again."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lorabake.core.events import read_tail
from lorabake.core.files import atomic_write_json
from lorabake.core.http import Web
from lorabake.core.process import Child, start_detached
from lorabake.core.run import Run
from lorabake.core.status import is_running, read_job, read_process
from lorabake.core.vocabulary.fetch import PACE, Fetched, fetch_lists
from lorabake.core.vocabulary.places import tag_lists_dir
from lorabake.core.worker import job_process
from lorabake.core.workspace import Workspace

MODULE: Final = "lorabake.core.vocabulary"
KIND: Final = "tag-list"
_NO_START: Final = 60.0  # seconds after which a process that was started and says nothing is lost
_children: list[Child] = []  # ours; kept so that the ended ones are collected


@dataclass(frozen=True)
class FetchView:
    """How far it is.

    state: "none" (never), "queued", "running", "finished", "failed", "stopped", "interrupted";
    kind: what is being fetched; share: of the whole, 0 to 1; lines: of that kind; ended: seconds
    since 1970; error: a sentence.
    """

    state: str
    kind: str = ""
    share: float = 0.0
    lines: int = 0
    ended: float | None = None
    error: str = ""

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")


def start_fetch(workspace: Workspace) -> None:
    """Begin, or go on with what an earlier process left; nothing when one is at work."""
    run = _run(workspace)
    if fetch_state(workspace).is_active:
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    earlier, process = read_job(run), read_process(run)
    attempt = max(earlier.attempt if earlier else 0, process.attempt if process else 0) + 1
    run.stop_path.unlink(missing_ok=True)
    record = {"format": 1, "kind": KIND, "title": "Tag lists", "created": time.time()}
    atomic_write_json(run.job_path, {**record, "attempt": attempt})
    _children[:] = [child for child in _children if child.poll() is None]
    argv = [sys.executable, "-m", MODULE, str(workspace.root)]
    _children.append(start_detached(argv, log=run.log_path))


def stop_fetch(workspace: Workspace) -> None:
    """Ask it to stop; it goes on from there when it is started again."""
    run = _run(workspace)
    if run.folder.is_dir():
        run.stop_path.touch()


def fetch_state(workspace: Workspace) -> FetchView:
    run = _run(workspace)
    status = run.status()
    if status.state == "new":
        return FetchView("none")
    if status.state == "queued" and _is_lost(run):
        return FetchView("interrupted", error="Fetching did not start. Try again.")
    kind, share, lines = "", 0.0, 0
    process = read_process(run)
    for event in read_tail(run.events_path, process.events_offset if process else 0):
        if event.type == "progress":
            with suppress(KeyError, TypeError, ValueError):
                kind, share = str(event.data["kind"]), float(event.data["share"])
                lines = int(event.data["lines"])
    failed = status.state in ("failed", "interrupted")
    return FetchView(status.state, kind, share, lines, status.ended, status.text if failed else "")


def run_fetch(workspace: Workspace) -> Fetched:
    """Be the process that fetches, to its end. Raises what went wrong, after saying so."""
    with job_process(_run(workspace).folder, kind=KIND, heavy=False) as job:

        def tell(kind: str, share: float, lines: int) -> None:
            job.events.write("progress", kind=kind, share=round(share, 4), lines=lines)

        web = Web(pace=PACE, should_stop=job.should_stop)
        fetched = fetch_lists(web, workspace, tell, job.should_stop)
        job.result.update(tags=fetched.tags, implications=fetched.implications)
    return fetched


def _is_lost(run: Run) -> bool:
    job = read_job(run)
    waited = time.time() - job.created if job else _NO_START
    return waited >= _NO_START and not is_running(run)


def _run(workspace: Workspace) -> Run:
    return Run(_folder(workspace))


def _folder(workspace: Workspace) -> Path:
    return tag_lists_dir(workspace) / ".fetch"
