"""One download from beginning to end: as a job of a project, or into any folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.collect.download import Download
from lorabake.collect.job import (
    LEDGER,
    MADE,
    MAX_POSTS,
    GrabRequest,
    Query,
    concept_folder,
    project_of,
    read_posts,
    read_request,
    write_posts,
)
from lorabake.collect.known import Known
from lorabake.collect.ledger import Entry, Ledger, key_of
from lorabake.collect.settings import explicit_allowed
from lorabake.collect.taking import remember_search, take_in, tidy_made
from lorabake.collect.ways import Ways
from lorabake.core.errors import NetworkError, Stopped, WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.history import Outcome
from lorabake.core.image import is_picture_name
from lorabake.core.index import Index
from lorabake.core.names import is_safe_name
from lorabake.core.pictures import MADE as MADE_FOLDER
from lorabake.core.pictures import made_folder
from lorabake.core.worker import JobProcess
from lorabake.core.workspace import Workspace

if TYPE_CHECKING:
    from lorabake.collect.post import Post

Tell = Callable[[str], None]
_REPORT = 0.3  # seconds between two events
MAX_SKIPPED = 200  # told one by one in the last word; all are in the ledger


def work(job: JobProcess, tell: Tell) -> dict[str, Any]:
    """Do the download that this job's folder asks for; returns what its last event says."""
    request = read_request(job.folder)
    workspace, project = project_of(job.folder)
    report = Report(job)
    root = project.dataset_dir
    posts = read_posts(job.folder)
    if posts is None:
        report.phase("searching")
        assert request.query is not None
        posts = list(
            found_posts(
                workspace, request.query, request.limit, request.since, report, job.should_stop
            )
        )
        write_posts(job.folder, posts)
    job.raise_if_stopped()
    report.phase("looking")
    grab = Grab(
        root=root,
        folder=request.folder,
        made=_made(job.folder, root),
        ledger=Ledger(job.folder / LEDGER),
        request=request,
        report=report,
    )
    outcome = grab.run(posts, workspace.index, job.should_stop)
    if grab.left_alone:
        raise NetworkError(" ".join(grab.left_alone))
    return {**grab.result(outcome), "folder": grab.folder}


def grab_into(
    workspace: Workspace,
    root: Path,
    request: GrabRequest,
    tell: Tell,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Search and download into any folder: `saved` paths, `skipped` posts with reasons, `stopped`."""
    assert request.query is not None
    report = Report(tell=tell)
    posts = list(
        found_posts(workspace, request.query, request.limit, request.since, report, should_stop)
    )
    made = made_folder(root)
    grab = Grab(
        root=root,
        folder=request.folder,
        made=made,
        ledger=Ledger(made / f".{LEDGER}"),
        request=request,
        report=report,
    )
    stopped = False
    try:
        outcome = grab.run(posts, workspace.index, should_stop)
    except Stopped:
        stopped, outcome = True, grab.outcome
    finally:
        tidy_made(made, taken=bool(grab.ledger.saved))
    return {
        "saved": [str(root / path) for path in outcome.changed if is_picture_name(path)],
        "skipped": [{"id": one.key, "reason": one.reason} for one in grab.ledger.skipped],
        "stopped": stopped,
    }


def found_posts(
    workspace: Workspace,
    query: Query,
    limit: int,
    since: Mapping[str, int],
    report: Report,
    should_stop: Callable[[], bool],
) -> Iterator[Post]:
    """What a search finds, the newest first; of each site only what is newer than `since` names."""
    from lorabake.collect.search import Search

    left = min(limit or MAX_POSTS, MAX_POSTS)
    groups = [(query.sites, query.text)]
    if since:
        groups = [
            ((site,), f"{query.text} id:>{since[site]}" if site in since else query.text)
            for site in query.sites
        ]
    seen: set[str] = set()
    for sites, text in groups:
        web = Ways(report.wait, should_stop).web
        search = Search(workspace, sites, text, query.filters, web=web, explicit=explicit_allowed())
        for post in search.iterate(left):
            if should_stop():
                raise Stopped("Stopped, as you asked. What was done is kept.")
            if post.id <= since.get(post.site, -1) or (post.md5 and post.md5 in seen):
                continue
            seen.add(post.md5)
            left -= 1
            yield post
        for note in search.page(0, 0).notes:
            report.note(note)
        if left <= 0:
            return


@dataclass
class Grab:
    """Posts into a folder of a data set. made: where pictures wait until they are taken in."""

    root: Path
    folder: str
    made: Path
    ledger: Ledger
    request: GrabRequest
    report: Report
    outcome: Outcome = field(default_factory=lambda: Outcome(None))
    left_alone: Sequence[str] = ()

    def run(self, posts: Sequence[Post], index: Index, should_stop: Callable[[], bool]) -> Outcome:
        """Whatever ends it, what has come by then is taken in as one step."""
        known = Known(self.root, index, should_stop=should_stop)
        self.report.begin(posts, self.ledger)
        download = Download(
            folder=self.made,
            settings=self.request.settings,
            ledger=self.ledger,
            known=known,
            way=Ways(self.report.wait, should_stop),
            extension=self.request.extension,
            on_entry=self.report.entry,
            on_bytes=self.report.bytes,
            should_stop=should_stop,
        )
        try:
            download.run(posts)
        finally:
            self.outcome = self._take_in(posts)
        self.left_alone = download.left_alone
        if not self.left_alone:  # else half a file may be gone on with
            tidy_made(self.made, taken=bool(self.ledger.saved))
        return self.outcome

    def _take_in(self, posts: Sequence[Post]) -> Outcome:
        self.report.phase("taking in")
        folder = self.folder and concept_folder(self.root, self.folder)
        self.folder = folder
        outcome = take_in(self.root, self.made, folder, self.ledger, posts, self.request.extension)
        self.report.taken(outcome)
        if self.request.query is not None:
            done = [post for post in posts if self.ledger.is_done(key_of(post))]
            remember_search(self.root, self.request.query, folder, self.request.settings, done)
        return outcome

    def result(self, outcome: Outcome) -> dict[str, Any]:
        skipped = self.ledger.skipped
        return {
            "saved": len(self.ledger.saved),
            "skipped": [
                {"id": entry.key, "reason": entry.reason} for entry in skipped[:MAX_SKIPPED]
            ],
            "left_out": len(skipped),
            "operation": outcome.operation.id if outcome.operation else None,
        }


@dataclass
class Report:
    """Progress as events, at most a few a second. job: None where nobody listens."""

    job: JobProcess | None = None
    tell: Tell = lambda text: None
    _total: int = 0
    _done: int = 0
    _bytes: int = 0
    _last: float = 0.0
    _phase: str = "searching"
    _waits: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, posts: Sequence[Post], ledger: Ledger) -> None:
        self._total = len(posts)
        self._done = sum(ledger.is_done(key_of(post)) for post in posts)
        if self.job is not None:
            self.phase("downloading")
            self.job.events.write("plan", steps=self._total, steps_per_epoch=self._total, epochs=1)
            self.job.events.write("step", step=self._done, epoch=1)

    def phase(self, name: str) -> None:
        self._phase, self._waits = name, False
        if self.job is not None:
            self.job.events.write("phase", name=name, detail="")

    def entry(self, entry: Entry) -> None:
        if entry.reason:
            self.tell(f"{entry.key}: {entry.reason}")
        with self._guard:
            self._done += 1
            self._say(now=self._done >= self._total)

    def bytes(self, count: int) -> None:
        with self._guard:
            self._bytes += count
            self._say()

    def note(self, text: str) -> None:
        """What a search has to say, such as that one of several boards did not answer."""
        self.tell(text)
        if self.job is not None:
            self.job.events.write("warning", text=text)

    def taken(self, outcome: Outcome) -> None:
        if self.job is not None and outcome.operation:
            step = outcome.operation
            self.job.events.write("note", text=step.title, operation=step.id)

    def wait(self, seconds: float, host: str) -> None:
        """A site asks for patience: the page counts down from the time of this event."""
        text = f"{host} asks to wait {seconds:.0f} seconds."
        self.tell(text)
        self._waits = True
        if self.job is not None:
            self.job.events.write(
                "phase", name="waiting", detail=text, seconds=round(seconds, 1), host=host
            )

    def _say(self, *, now: bool = False) -> None:
        moment = time.monotonic()
        if self.job is not None and (now or moment - self._last >= _REPORT):
            self._last = moment
            if self._waits:
                self.phase(self._phase)
            self.job.events.write("progress", done=self._bytes, total=None)
            self.job.events.write("step", step=min(self._done, self._total), epoch=1)


def _made(folder: Path, root: Path) -> Path:
    """Where this job's pictures wait: the same folder when it goes on."""
    try:
        record = read_json(folder / MADE)
        name = str(record["folder"]) if isinstance(record, dict) else ""
    except (OSError, KeyError, WorkspaceError):
        name = ""
    made = root / MADE_FOLDER / (name if is_safe_name(name) else "")
    if made.name == name and made.is_dir() and not made.is_symlink():
        return made
    made = made_folder(root)
    atomic_write_json(folder / MADE, {"folder": made.name})
    return made
