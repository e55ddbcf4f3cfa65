"""Fetching a large file so that a broken connection, a stop or a kill costs only what was on its way."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import DiskFull, NetworkError, Stopped, WorkspaceError
from lorabake.core.files import (
    MIB,
    atomic_write_json,
    disk_full_as_sentence,
    fault,
    read_json,
    sha256_of,
)
from lorabake.core.http import CHUNK, Answer, ConnectionBroken, Key, Web

MARGIN = 512 * MIB  # bytes that stay free on the disk
PATIENCE = 20.0  # seconds before a slow site is given up
_BREAKS = 5  # connections that may end in a row without bringing anything
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")

Progress = Callable[[int, int | None], None]
"""Called with bytes that are there and bytes in all (None: not known)."""


@dataclass(frozen=True)
class Wanted:
    """A file on the net. size in bytes and sha256 (64 hex digits) where they are known beforehand.

    git_blob: the 40 digits by which git knows a small file; md5: the 32 by which boards know one.
    limit: bytes it may have at most. slowest: bytes a second, below which it is given up.
    """

    url: str
    limit: int
    size: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    md5: str | None = None
    slowest: float = 0.0

    @property
    def identity(self) -> str:
        """Tells one content from another, so that two halves of different files never meet."""
        return self.sha256 or self.git_blob or self.md5 or ""


def fetch(
    web: Web,
    wanted: Wanted,
    part: Path,
    *,
    key: Key | None = None,
    headers: Mapping[str, str] | None = None,
    on_progress: Progress = lambda done, total: None,
) -> None:
    """Bring the file to `part`, going on with what an earlier call left there; then check it.

    The file stays at `part` when this is stopped or the connection fails for good; it is removed
    when its content turns out wrong. Raises NetworkError, DiskFull or Stopped.
    """
    if wanted.size is not None and wanted.size > wanted.limit:
        raise _too_large(wanted)
    resumed = _begin(part, wanted)
    breaks = 0
    while True:
        before = _size(part)
        if wanted.size is not None and before == wanted.size and part.exists():
            break
        try:
            if _more(web, wanted, part, key, headers or {}, on_progress):
                break
        except ConnectionBroken:
            breaks = 0 if _size(part) > before else breaks + 1
            if breaks >= min(_BREAKS, max(web.tries, 2)):
                raise
            web.pause(web.backoff * breaks)
    try:
        check(part, wanted)
    except NetworkError:
        forget(part)
        if not resumed:
            raise
        # What an earlier visit left may have been the wrong half.
        fetch(web, wanted, part, key=key, headers=headers, on_progress=on_progress)
        return
    _note(part).unlink(missing_ok=True)


def check(path: Path, wanted: Wanted) -> None:
    """Is this the whole file, to the last bit? NetworkError when it is not."""
    if wanted.size is not None and _size(path) != wanted.size:
        raise NetworkError(
            f"The file came with {_size(path):,} bytes instead of {wanted.size:,}. Try again."
        )
    if any(found != announced.lower() for found, announced in _hashes(path, wanted)):
        raise NetworkError(
            "The file that came is not the one that was announced (its hash differs), so it was "
            "removed. Try again; if it happens again, something on the way changes it."
        )


def _hashes(path: Path, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """(what the file has, what was announced)"""
    if wanted.sha256:
        yield sha256_of(path), wanted.sha256
    elif wanted.git_blob:
        yield git_blob_of(path), wanted.git_blob
    if wanted.md5:
        yield md5_of(path), wanted.md5


def md5_of(path: Path) -> str:
    """Boards name files by it; it says that a file came whole, not that nobody changed it."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return found.hexdigest()


def forget(part: Path) -> None:
    """Remove what has come so far."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def git_blob_of(path: Path) -> str:
    """SHA-1 of a file as git names it; for small files."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _begin(part: Path, wanted: Wanted) -> bool:
    """Keep what is left of an earlier visit if it is of the same file; True when there is some."""
    if _size(part) and _read_note(part).get("identity") == wanted.identity:
        return True
    forget(part)
    atomic_write_json(_note(part), {"identity": wanted.identity, "etag": ""})
    return False


def _more(
    web: Web,
    wanted: Wanted,
    part: Path,
    key: Key | None,
    given: Mapping[str, str],
    on_progress: Progress,
) -> bool:
    """One connection's worth; True when the body was read to its end."""
    have = _size(part)
    note = _read_note(part)
    headers = dict(given)
    if have:
        headers["Range"] = f"bytes={have}-"
        if not wanted.identity:
            if not note.get("etag"):  # nothing tells whether it is still the same file
                part.unlink()
                have, headers = 0, dict(given)
            else:
                headers["If-Range"] = note["etag"]
    with web.open(wanted.url, headers=headers, key=key, accept=(200, 206, 416)) as answer:
        if answer.status == 416:  # we have as much as there is, or more
            forget(part)
            raise ConnectionBroken(f"{answer.host} does not go on where it left off. Try again.")
        _refuse_page(answer)
        start, total = _place(answer, have)
        if start != have:
            part.unlink(missing_ok=True)
        total = _agreed(total, wanted, answer)
        etag = answer.headers.get("ETag", "")
        strong = etag if etag.startswith('"') and len(etag) < 200 else ""
        if strong != note.get("etag"):
            atomic_write_json(_note(part), {"identity": wanted.identity, "etag": strong})
        _require_space(part, (total or 0) - start)
        _append(web, answer, part, start, total, wanted, on_progress)
        if total is not None and _size(part) < total:
            raise ConnectionBroken(f"The connection to {answer.host} broke off. Try again.")
    return True


def _append(
    web: Web,
    answer: Answer,
    part: Path,
    done: int,
    total: int | None,
    wanted: Wanted,
    report: Progress,
) -> None:
    most, begun, first = total or wanted.limit, time.monotonic(), done
    with disk_full_as_sentence(part), part.open("ab") as file:
        report(done, total)
        for chunk in answer.chunks(CHUNK):
            done += len(chunk)
            if done > most:
                file.close()
                forget(part)
                if total is None:
                    raise _too_large(wanted)
                raise NetworkError(f"{answer.host} sent more than was announced; it was removed.")
            file.write(chunk)
            file.flush()
            fault("fetched")
            report(done, total)
            waited = time.monotonic() - begun
            if waited > PATIENCE and done - first < wanted.slowest * waited:
                raise NetworkError(
                    f"{answer.host} sends too slowly, so it was given up. Try again."
                )
            if web.should_stop():
                raise Stopped("Stopped, as you asked. The download goes on from here next time.")


def _place(answer: Answer, have: int) -> tuple[int, int | None]:
    """Where the body begins in the file, and how long the file is."""
    if answer.status == 200:
        return 0, answer.length
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != have:
        raise NetworkError(f"{answer.host} sent another part of the file than was asked for.")
    return have, int(found[2])


def _agreed(total: int | None, wanted: Wanted, answer: Answer) -> int | None:
    """The length of the file, where what was announced before and what is said now agree."""
    if total is not None and total > wanted.limit:
        raise _too_large(wanted)
    if None not in (total, wanted.size) and total != wanted.size:
        raise NetworkError(
            f"{answer.host} offers {total:,} bytes instead of {wanted.size:,}: another file."
        )
    return wanted.size if total is None else total


def _refuse_page(answer: Answer) -> None:
    if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html":
        raise NetworkError(
            f"{answer.host} sent a web page instead of the file; it probably wants a login or a key."
        )


def _require_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > 0 and free < needed + MARGIN:
        lacking = (needed + MARGIN - free) // MIB + 1
        raise DiskFull(
            f"The disk of {part.parent} has {free // MIB} MiB left, and the download needs "
            f"{needed // MIB + 1} MiB with {MARGIN // MIB} MiB to spare. "
            f"Free {lacking} MiB and try again; what has come so far is kept."
        )


def _too_large(wanted: Wanted) -> NetworkError:
    if wanted.limit < 2**30:
        return NetworkError(f"The file is larger than {wanted.limit // MIB} MiB.")
    return NetworkError(
        f"The file is larger than {wanted.limit // 2**30} GiB, more than any model lorabake knows."
    )


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_note(part: Path) -> dict[str, str]:
    with suppress(OSError, WorkspaceError):
        note = read_json(_note(part), limit=4096)
        if isinstance(note, dict):
            return {str(name): str(value) for name, value in note.items()}
    return {}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
