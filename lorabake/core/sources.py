"""Where each picture comes from: the post of a board, or a model that painted it.

`.lorabake/sources.jsonl` in a dataset's folder, one line a record, only ever added to. Pictures are
known by their content (sha256, and md5 as boards name it), so that neither renaming nor deleting
loses anything: what was fetched once is not fetched again. What was asked for is kept there, too.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import MIB, disk_full_as_sentence
from lorabake.core.lock import FileLock

FOLDER: Final = ".lorabake"
FILE: Final = "sources.jsonl"
GENERATED: Final = "generated"  # what a filter calls the source of a picture that a model painted
MAX_FILE = 512 * MIB
MAX_TEXT: Final = 20_000  # characters that are kept of one text
_MAX_LINE = MIB
_SECRETS = ("api_key", "user_id", "login", "password_hash", "key", "token")

Tags = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Baked:
    """Which bake painted a picture, as one cell of its grid. run: the run's name."""

    run: str
    epoch: int
    weight: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """One picture. site, id: of the board's post, "" and 0 for none; url: without keys.

    tags: the board's, by category; parent: the post it is a variant of; source: what the board
    names as the artist's page; generated: a model painted it; infotext: how, as its file says;
    baked: by which bake of this workspace.
    """

    sha256: str
    md5: str = ""
    site: str = ""
    id: int = 0
    url: str = ""
    page_url: str = ""
    rating: str = ""
    score: int | None = None
    parent: int | None = None
    tags: Tags = field(default_factory=dict)
    source: str = ""
    generated: bool = False
    infotext: str = ""
    baked: Baked | None = None
    query: str = ""
    time: float = 0.0

    @property
    def name(self) -> str:
        """What a filter's `source:` compares with: a board, `generated`, or ""."""
        return GENERATED if self.generated else self.site


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search whose pictures were fetched. last: the newest post of each site it has seen.

    filters, settings: as their sections write them; folder: the concept it went into.
    """

    sites: tuple[str, ...]
    text: str
    folder: str
    last: Mapping[str, int] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    time: float = 0.0

    @property
    def key(self) -> tuple[tuple[str, ...], str, str]:
        return tuple(sorted(self.sites)), " ".join(self.text.split()), self.folder


class Sources:
    """The sources of one dataset. For any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._forget()

    @classmethod
    def open(cls, root: Path) -> Sources:
        """Of the dataset in this folder; nothing needs to be there yet. One for all who ask."""
        path = root.absolute() / FOLDER / FILE
        with _opening:
            return _opened.setdefault(path, cls(path))

    def record(self, source: Source) -> None:
        self.record_many([source])

    def record_many(self, sources: Iterable[Source]) -> None:
        """Remember where these pictures are from; the latest record of a picture counts."""
        self._append([_line(asdict(_plain(source))) for source in sources])

    def asked(self, asked: Asked) -> None:
        """Remember a search; a later record of the same one raises what was seen of each site."""
        with self._guard:
            self._read()
            before = self._asked.get(asked.key)
        last = dict(before.last) if before else {}
        for site, number in asked.last.items():
            last[site] = max(number, last.get(site, 0))
        record = asdict(asked) | {"last": last, "time": asked.time or time.time()}
        self._append([_line({"asked": record})])

    def of(self, sha: str) -> Source | None:
        """What is known of the picture with this sha256."""
        with self._guard:
            self._read()
            place = self._by_sha.get(sha)
            return self._at(place) if place is not None else None

    def names(self) -> Mapping[str, str]:
        """sha256 → what a filter calls its source; changes only by being replaced."""
        with self._guard:
            self._read()
            return self._names

    def has(self, md5: str) -> bool:
        """Was a file with this md5 fetched before?"""
        with self._guard:
            self._read()
            return bool(md5) and md5.lower() in self._md5

    def has_post(self, site: str, number: int) -> bool:
        """Was this post fetched before, whatever file it has now?"""
        with self._guard:
            self._read()
            return (site, number) in self._posts

    def searches(self) -> list[Asked]:
        """What was asked for, the latest first."""
        with self._guard:
            self._read()
            return sorted(self._asked.values(), key=lambda one: -one.time)

    def last_id(self, site: str, text: str) -> int | None:
        """The newest post of this site that any such search has seen; None before the first."""
        wanted = " ".join(text.split())
        known = [one.last.get(site) for one in self.searches() if one.key[1] == wanted]
        return max((number for number in known if number is not None), default=None)

    # --- the file ----------------------------------------------------------------------------

    def _append(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (
                self._guard,
                FileLock(self.path.with_suffix(".lock")),
                disk_full_as_sentence(self.path),
                self.path.open("ab+", buffering=0) as file,
            ):
                end = file.seek(0, os.SEEK_END)
                whole = b"".join(lines)
                if end and not _ends_a_line(self.path):
                    whole = b"\n" + whole  # a killed writer left half a line: it stays by itself
                try:
                    _write_all(file.fileno(), whole)
                except OSError:
                    file.truncate(end)
                    raise
        except OSError as error:
            raise WorkspaceError(
                f"{self.path} cannot be written ({error.strerror}). Look at its permissions."
            ) from error

    def _forget(self) -> None:
        self._by_sha: dict[str, tuple[int, int]] = {}  # where its line begins, and its length
        self._names: dict[str, str] = {}
        self._md5: set[str] = set()
        self._posts: set[tuple[str, int]] = set()
        self._asked: dict[tuple[tuple[str, ...], str, str], Asked] = {}
        self._file = (0, 0)  # which file was read (inode), and how far

    def _read(self) -> None:
        """What was added since the last look, by anybody."""
        try:
            found = self.path.stat()
        except OSError:
            if self._file != (0, 0):
                self._forget()
            return
        inode, offset = self._file
        if found.st_ino != inode or found.st_size < offset:
            self._forget()
            offset = 0
        if found.st_size == offset or found.st_size > MAX_FILE:
            return
        names = dict(self._names)
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._take(line, offset, names)
                offset += len(line)
        self._names = names
        self._file = (found.st_ino, offset)

    def _take(self, line: bytes, offset: int, names: dict[str, str]) -> None:
        """One record; a damaged line is left out."""
        record = _parsed(line)
        if record is None:
            return
        if "asked" in record:
            asked = _asked_of(record["asked"])
            if asked is not None:
                self._asked[asked.key] = asked
            return
        source = _source_of(record)
        if source is None:
            return
        self._by_sha[source.sha256] = (offset, len(line))
        names[source.sha256] = source.name
        if source.md5:
            self._md5.add(source.md5)
        if source.site:
            self._posts.add((source.site, source.id))

    def _at(self, place: tuple[int, int]) -> Source | None:
        try:
            with self.path.open("rb") as file:
                file.seek(place[0])
                record = _parsed(file.read(place[1]))
        except OSError:
            return None
        return None if record is None else _source_of(record)


_opened: dict[Path, Sources] = {}
_opening = threading.Lock()


def without_keys(url: str) -> str:
    """An address without the parts of its query that could be a secret, or its fragment."""
    address, _, query = url.partition("#")[0].partition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() not in _SECRETS]
    return f"{address}?{'&'.join(kept)}" if any(kept) else address


def _plain(source: Source) -> Source:
    """As it is kept: no keys, no endless texts, a time."""
    return replace(
        source,
        url=without_keys(source.url),
        page_url=without_keys(source.page_url),
        md5=source.md5.lower(),
        source=source.source[:2000],
        infotext=source.infotext[:MAX_TEXT],
        time=source.time or time.time(),
    )


def _line(record: Mapping[str, Any]) -> bytes:
    bare = {name: value for name, value in record.items() if value or type(value) is int}
    return json.dumps(bare, default=str).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.strip() or len(line) > _MAX_LINE:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _source_of(record: Mapping[str, Any]) -> Source | None:
    sha = record.get("sha256")
    if not (isinstance(sha, str) and len(sha) == 64):
        return None
    return Source(
        sha256=sha,
        md5=_text(record, "md5").lower(),
        site=_text(record, "site"),
        id=_number(record, "id") or 0,
        url=_text(record, "url"),
        page_url=_text(record, "page_url"),
        rating=_text(record, "rating"),
        score=_number(record, "score"),
        parent=_number(record, "parent"),
        tags=_tags(record.get("tags")),
        source=_text(record, "source"),
        generated=record.get("generated") is True,
        infotext=_text(record, "infotext"),
        baked=_baked(record.get("baked")),
        query=_text(record, "query"),
        time=float(_number(record, "time") or 0),
    )


def _baked(value: object) -> Baked | None:
    record = _table(value)
    epoch, weight, seed = _number(record, "epoch"), record.get("weight"), _number(record, "seed")
    if epoch is None or seed is None or not isinstance(weight, int | float) or abs(weight) > 1e6:
        return None
    return Baked(_text(record, "run"), epoch, float(weight), seed)


def _asked_of(record: object) -> Asked | None:
    if not isinstance(record, dict):
        return None
    sites, last = record.get("sites"), record.get("last")
    if not isinstance(sites, list) or not all(isinstance(site, str) for site in sites):
        return None
    numbers = last.items() if isinstance(last, dict) else ()
    return Asked(
        sites=tuple(sites),
        text=_text(record, "text"),
        folder=_text(record, "folder"),
        last={str(site): number for site, number in numbers if isinstance(number, int)},
        filters=_table(record.get("filters")),
        settings=_table(record.get("settings")),
        time=float(_number(record, "time") or 0),
    )


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _number(record: Mapping[str, Any], name: str) -> int | None:
    value = record.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**60
    return int(value) if usable else None  # type: ignore[arg-type]


def _tags(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        return {}
    return {
        str(category): tuple(tag for tag in tags if isinstance(tag, str))
        for category, tags in value.items()
        if isinstance(tags, list)
    }


def _table(value: object) -> dict[str, Any]:
    return {str(name): item for name, item in value.items()} if isinstance(value, dict) else {}


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
