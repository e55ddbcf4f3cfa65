"""A download as a job of the queue: asked for here, done by `python -m lorabake.collect FOLDER`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.collect.captions import categories_of
from lorabake.collect.ledger import Entry, Ledger
from lorabake.collect.settings import CollectSettings
from lorabake.core import jobs
from lorabake.core.dataset import MAX_REPEATS, split_concept_name
from lorabake.core.errors import DatasetError, JobError, LorabakeError
from lorabake.core.events import Event, read_head, read_tail
from lorabake.core.files import MIB, atomic_write_bytes, atomic_write_json, read_json
from lorabake.core.jobs import JobView
from lorabake.core.names import name_key, safe_name
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.status import read_process
from lorabake.core.workspace import Project, Workspace

if TYPE_CHECKING:
    from lorabake.collect.post import Post
    from lorabake.collect.search import PostFilters

KIND = "grab"
REQUEST, POSTS, LEDGER, MADE = "grab.json", "posts.jsonl", "ledger.jsonl", "made.json"
MAX_POSTS = 20_000
_LIMIT = 2 * MIB
_MAX_LINE = MIB


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a search asks. sites: names of boards; text: as it is typed; filters: of the sliders."""

    sites: tuple[str, ...]
    text: str
    filters: PostFilters


@dataclass(frozen=True, kw_only=True)
class GrabRequest:
    """What the job was asked for.

    folder: the concept's, `5_kafka`. query: where the posts are from; it is searched when `chosen`
    is False, else there are `count` posts. limit: so many posts of a search, 0 for all. since: the newest post of each site that
    need not be looked at again.
    """

    folder: str
    settings: CollectSettings
    query: Query | None = None
    chosen: bool = True
    count: int = 0
    limit: int = 0
    since: Mapping[str, int] = field(default_factory=dict)
    extension: str = ".txt"


@dataclass(frozen=True)
class GrabView:
    """A download as the page shows it. total: posts, None while they are still looked for.

    bytes: that have come; waiting: a sentence while a site asks for patience. notes: what the
    search had to say; operation: the last step of the data set's history, to undo it.
    """

    job: JobView
    request: GrabRequest
    total: int | None
    done: int
    saved: int
    bytes: int
    skipped: tuple[tuple[str, str], ...]
    waiting: str = ""
    notes: tuple[str, ...] = ()
    operation: int | None = None


def start_grab(
    workspace: Workspace,
    project: str,
    folder: str,
    *,
    repeats: int = 1,
    posts: Sequence[Post] | None = None,
    query: Query | None = None,
    settings: CollectSettings | None = None,
    limit: int = 0,
    since: Mapping[str, int] | None = None,
    extension: str = ".txt",
    start: bool = True,
) -> JobView:
    """Queue a download into a concept: of these posts, or of what a search finds.

    folder: the concept's name, its folder, or a new name. Raises what would fail later.
    """
    home = workspace.project(project)
    settings = settings or CollectSettings()
    categories_of(settings)
    if posts is None and query is None:
        raise JobError("Nothing was chosen to download. Search first, and pick some pictures.")
    if posts is not None and not 0 < len(posts) <= MAX_POSTS:
        raise JobError(f"Pick at least one picture and at most {MAX_POSTS:,}.")
    request = GrabRequest(
        folder=concept_folder(home.dataset_dir, folder, repeats),
        settings=settings,
        query=query,
        chosen=posts is not None,
        count=len(posts or ()),
        limit=max(0, limit),
        since=dict(since or {}),
        extension=extension,
    )
    run = home.create_job(KIND)
    if posts is not None:
        write_posts(run.folder, posts)
    write_request(run.folder, request)
    return jobs.enqueue(workspace, KIND, run.folder, _title(request, posts), start=start)


def pause_grab(workspace: Workspace, job: JobView) -> None:
    """Stop it; what has come goes into the data set, and resuming goes on from there."""
    jobs.request_stop(workspace, job.folder)


def resume_grab(workspace: Workspace, job: JobView) -> JobView:
    return jobs.resume(workspace, job.folder)


def grabs(workspace: Workspace, project: str) -> list[GrabView]:
    """The downloads of this project: those that run or wait, then those that ended lately."""
    found = []
    for view in jobs.jobs(workspace):
        if view.kind == KIND and view.project == project:
            with suppress(LorabakeError):
                found.append(grab_view(view))
    return found


def grab_view(job: JobView) -> GrabView:
    ledger, request, status = _ledger(job.folder / LEDGER), read_request(job.folder), job.status
    process = read_process(job.run)
    begun = read_head(job.run.events_path, process.events_offset) if process else []
    lately = read_tail(job.run.events_path)
    total = status.steps or request.count or (len(ledger.entries) if status.is_over else None)
    return GrabView(
        job=job,
        request=request,
        total=total,
        done=min(len(ledger.entries), total or 0),
        saved=len(ledger.saved),
        bytes=sum(entry.size for entry in ledger.saved),
        skipped=tuple((entry.key, entry.reason) for entry in ledger.skipped),
        waiting=_waiting(lately) if status.state == "running" else "",
        notes=tuple(_text(event) for event in begun if event.type == "warning"),
        operation=_operation(lately),
    )


def _waiting(events: Sequence[Event]) -> str:
    last = next((one for one in reversed(events) if one.type in ("phase", "step")), None)
    waits = last is not None and last.data.get("name") == "waiting"
    return str(last.data.get("detail", "")) if last is not None and waits else ""


def _operation(events: Sequence[Event]) -> int | None:
    found = (one.data.get("operation") for one in reversed(events))
    return next((number for number in found if isinstance(number, int)), None)


def _text(event: Event) -> str:
    return str(event.data.get("text", ""))


def _ledger(path: Path) -> Ledger:
    """For the page, which asks every second: read anew only when it has grown."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return _ledger_of(path, size)


@lru_cache(maxsize=32)
def _ledger_of(path: Path, _size: int) -> Ledger:
    return Ledger(path)


def entries(job: JobView) -> list[Entry]:
    """What became of each post so far."""
    return list(_ledger(job.folder / LEDGER).entries.values())


def concept_folder(root: Path, name: str, repeats: int = 1) -> str:
    """The folder of a concept by its folder's name or its trigger; `N_name` for a new one."""
    wanted = safe_name(name)
    there = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    for folder in there:
        if name_key(wanted) in (name_key(folder), name_key(split_concept_name(folder)[1])):
            return folder
    if not 1 <= repeats <= MAX_REPEATS:
        raise DatasetError(f"Repeats can be from 1 to {MAX_REPEATS}, not {repeats}.")
    number, trigger = split_concept_name(wanted)
    if number is not None:
        for folder in there:  # `5_kafka`, which was renamed to `7_kafka` since
            if name_key(trigger) == name_key(split_concept_name(folder)[1]):
                return folder
        return wanted
    return safe_name(f"{repeats}_{wanted}")


# --- what is written down --------------------------------------------------------------------------


def write_request(folder: Path, request: GrabRequest) -> None:
    query = request.query
    record = {
        "format": 1,
        "folder": request.folder,
        "settings": to_mapping(request.settings),
        "query": query and {**asdict(query), "filters": filters_record(query.filters)},
        "chosen": request.chosen,
        "count": request.count,
        "limit": request.limit,
        "since": dict(request.since),
        "extension": request.extension,
    }
    atomic_write_json(folder / REQUEST, record, limit=_LIMIT)


def read_request(folder: Path) -> GrabRequest:
    """What `start_grab` wrote; JobError when the folder holds something else."""
    try:
        record: Any = read_json(folder / REQUEST, limit=_LIMIT)
        return GrabRequest(
            folder=safe_name(str(record["folder"])),
            settings=from_mapping(CollectSettings, record["settings"], where="grab"),
            query=record["query"] and query_of(record["query"]),
            chosen=bool(record["chosen"]),
            count=int(record["count"]),
            limit=int(record["limit"]),
            since={str(site): int(last) for site, last in record["since"].items()},
            extension=caption_extension(record["extension"]),
        )
    except (OSError, LorabakeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise JobError(f"{folder.name} is no download ({error}). Start a new one.") from error


def query_of(record: Mapping[str, Any]) -> Query:
    return Query(
        sites=tuple(map(str, record["sites"])),
        text=str(record["text"]),
        filters=filters_of(record["filters"]),
    )


def filters_record(filters: PostFilters) -> dict[str, Any]:
    values = {one.name: getattr(filters, one.name) for one in fields(filters)}
    return {
        name: sorted(value) if isinstance(value, set | frozenset) else value
        for name, value in values.items()
    }


def filters_of(record: Mapping[str, Any]) -> PostFilters:
    """What `filters_record` wrote; names that are not known any more are left out."""
    from lorabake.collect.search import PostFilters

    usual, given = PostFilters(), {}
    for one in fields(PostFilters):
        if one.name in record:
            value, kind = record[one.name], type(getattr(usual, one.name))
            given[one.name] = kind(value) if kind in (tuple, frozenset, set) else value
    return PostFilters(**given)


def write_posts(folder: Path, posts: Sequence[Post]) -> None:
    lines = (json.dumps(asdict(post)) for post in posts)
    atomic_write_bytes(folder / POSTS, "".join(f"{line}\n" for line in lines).encode())


def read_posts(folder: Path) -> list[Post] | None:
    """The posts that were chosen or found; None when they are still to be looked for."""
    found: list[Post] = []
    try:
        with (folder / POSTS).open("rb") as file:
            for line in file:
                post = post_of(line)
                if post is not None and len(found) < MAX_POSTS:
                    found.append(post)
    except FileNotFoundError:
        return None
    return found


def post_of(line: bytes) -> Post | None:
    from lorabake.collect.post import Post

    if len(line) > _MAX_LINE:
        return None
    try:
        record: Any = json.loads(line)
        tags = {str(kind): tuple(map(str, names)) for kind, names in record["tags"].items()}
        return Post(**{**record, "tags": tags})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def caption_extension(text: object) -> str:
    """`.txt` or `.caption`; DatasetError for anything else."""
    if text not in (".txt", ".caption"):
        raise DatasetError(f"Captions end with .txt or .caption, not {str(text)[:20]!r}.")
    return str(text)


def _title(request: GrabRequest, posts: Sequence[Post] | None) -> str:
    if posts is not None:
        what = "1 picture" if len(posts) == 1 else f"{len(posts):,} pictures"
    else:
        what = " ".join(request.query.text.split())[:60] if request.query else ""
    return f"Download {what or 'pictures'} into {request.folder}"


def project_of(folder: Path) -> tuple[Workspace, Project]:
    """Whose job lies in this folder."""
    workspace = Workspace.open(folder.parents[3])
    return workspace, workspace.project(folder.parents[1].name)
