"""Downloads that outlive the page: each is a process with a folder, and goes on after a kill."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import JobError, ModelFileError, WorkspaceError
from lorabake.core.events import read_tail
from lorabake.core.files import MIB, TrashEntry, atomic_write_json, move_to_trash, read_json
from lorabake.core.process import Child, start_detached
from lorabake.core.run import Run
from lorabake.core.status import is_running, read_job, read_process
from lorabake.core.worker import job_process
from lorabake.core.workspace import Workspace, inside

MODULE = "lorabake.engine.shelf"
KIND = "download"
MAX_RUNNING = 4
_RECORD = "download.json"
_children: list[Child] = []  # ours; kept so that the ended ones are collected


@dataclass(frozen=True)
class DownloadView:
    """One download as it stands. name: for `stop_download` and the like; spec: what was asked for.

    state: "queued", "running", "finished", "failed", "stopped" or "interrupted"; error: a sentence.
    """

    name: str
    spec: str
    done_mib: float
    total_mib: float | None
    state: str
    error: str = ""
    file: str = ""

    @property
    def can_resume(self) -> bool:
        return self.state in ("failed", "stopped", "interrupted")


def start_download(workspace: Workspace, spec: str) -> Path:
    """Begin a download in a process of its own, or go on with one; returns its folder."""
    run = prepare_download(workspace, spec)
    if is_running(run):
        return run.folder
    running = [view for view in downloads(workspace) if view.state == "running"]
    if len(running) >= MAX_RUNNING:
        raise JobError(f"{MAX_RUNNING} downloads are running. Wait until one is done.")
    _ask(run, spec)
    _children[:] = [child for child in _children if child.poll() is None]
    argv = [sys.executable, "-m", MODULE, str(workspace.root), run.name]
    # The page works offline; this is the one process that was asked to go out.
    online = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    _children.append(start_detached(argv, log=run.log_path, extra=online))
    return run.folder


def prepare_download(workspace: Workspace, text: str) -> Run:
    """The folder of a download, made if needed; ModelFileError for what cannot be asked for."""
    from lorabake.engine.shelf.sources import parse_spec

    spec = parse_spec(text)
    parent = downloads_dir(workspace)
    parent.mkdir(exist_ok=True)
    run = Run(inside(parent, spec.name))
    run.folder.mkdir(exist_ok=True)
    atomic_write_json(run.folder / _RECORD, {"format": 1, "spec": spec.text})
    return run


def run_download(
    workspace: Workspace, run: Run, report: Callable[[int, int | None], None] = lambda d, t: None
) -> Path:
    """Be the process of a download, to its end. Raises what went wrong, after saying so."""
    from lorabake.engine.shelf.download import download
    from lorabake.engine.shelf.find import find_models
    from lorabake.engine.shelf.sources import parse_spec

    spec = parse_spec(_spec_text(run))
    with job_process(run.folder, kind=KIND, heavy=False) as job:

        def tell(done: int, total: int | None) -> None:
            job.events.write("progress", done=done, total=total)
            report(done, total)

        path = download(workspace, spec, on_progress=tell, should_stop=job.should_stop)
        job.result["path"] = str(path)
        job.events.write("phase", name="looking", detail="")
        find_models(workspace)  # so that lists which only remember the shelf show it
    return path


def downloads(workspace: Workspace) -> list[DownloadView]:
    """All downloads that were ever begun and not forgotten, the newest first."""
    parent = downloads_dir(workspace)
    runs = []
    with suppress(OSError):
        runs = [Run(path) for path in parent.iterdir() if (path / _RECORD).is_file()]
    views = []
    for run in runs:
        with suppress(OSError, WorkspaceError, ModelFileError):
            views.append((_began(run), _view(run)))
    return [view for _, view in sorted(views, key=lambda pair: pair[0], reverse=True)]


def stop_download(workspace: Workspace, name: str) -> None:
    """Ask a download to stop; it goes on from there when it is started again."""
    _run(workspace, name).stop_path.touch()


def resume_download(workspace: Workspace, name: str) -> Path:
    return start_download(workspace, _spec_text(_run(workspace, name)))


def forget_download(workspace: Workspace, name: str) -> TrashEntry:
    """Take an ended download off the list. What it brought stays."""
    run = _run(workspace, name)
    if is_running(run):
        raise JobError(f"{run.name} is being downloaded. Stop it first.")
    return move_to_trash(run.folder, workspace.trash_dir)


def downloads_dir(workspace: Workspace) -> Path:
    return workspace.root / "downloads"


def _ask(run: Run, title: str) -> None:
    earlier, process = read_job(run), read_process(run)
    attempt = max(earlier.attempt if earlier else 0, process.attempt if process else 0) + 1
    with suppress(FileNotFoundError):
        run.stop_path.unlink()
    record = {
        "format": 1,
        "kind": KIND,
        "title": title[:200],
        "created": time.time(),
        "attempt": attempt,
    }
    atomic_write_json(run.job_path, record)


def _run(workspace: Workspace, name: str) -> Run:
    run = Run(inside(downloads_dir(workspace), name))
    if not (run.folder / _RECORD).is_file():
        raise JobError("This download is not there any more. Refresh the page.")
    return run


def _spec_text(run: Run) -> str:
    record: Any = read_json(run.folder / _RECORD)
    text = record.get("spec") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise WorkspaceError(f"{run.folder / _RECORD} is damaged. Delete its folder.")
    return text


def _view(run: Run) -> DownloadView:
    status, done, total, file = run.status(), 0.0, None, ""
    for event in read_tail(run.events_path):
        if event.type == "progress":
            done, total = _mib(event.data.get("done")) or 0.0, _mib(event.data.get("total"))
        elif event.type == "finished":
            file = str(event.data.get("path", ""))
    return DownloadView(
        name=run.name,
        spec=_spec_text(run),
        done_mib=done,
        total_mib=total,
        state=status.state,
        error=status.text if status.state in ("failed", "interrupted") else "",
        file=Path(file).name,
    )


def _mib(value: object) -> float | None:
    return round(value / MIB, 1) if isinstance(value, int | float) else None


def _began(run: Run) -> float:
    return (run.folder / _RECORD).stat().st_mtime
