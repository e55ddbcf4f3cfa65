"""Fetching the pictures of posts: one after the other from each host, several hosts side by side.

Whatever a site does costs one sentence about one picture. A file is on the disk while it comes,
and is a picture of the download only when its size, its hash and every pixel are as they should be.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lorabake.collect.captions import caption_of
from lorabake.collect.known import HERE, Known
from lorabake.collect.ledger import MAX_REASON, Entry, Ledger, key_of
from lorabake.collect.search import refusal_of
from lorabake.collect.settings import CollectSettings, explicit_allowed
from lorabake.core.errors import ImageError, NetworkError, Stopped
from lorabake.core.fetch import Wanted, fetch, forget
from lorabake.core.files import MIB, atomic_write_text, replace
from lorabake.core.http import ConnectionBroken, HttpRefused, Web
from lorabake.core.image import ImageInfo, probe
from lorabake.core.names import slug

if TYPE_CHECKING:
    from lorabake.collect.post import Post

SUFFIXES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "AVIF": ".avif",
}
SLOWEST = 2048.0  # bytes a second
_HOSTS = 8  # at once
_TROUBLES = 3  # in a row, then a host is left alone
_REFUSALS = (401, 403, 429)

Way = Callable[["Post"], tuple[Web, Mapping[str, str]]]
"""How a post's file is asked for: through which Web, with which headers."""


@dataclass
class Download:
    """Posts on their way into a folder. Results are entries of the ledger; what is in it is not done again.

    on_entry: called after each post; on_bytes: with bytes that have come since the last call.
    left_alone: a sentence for each host that failed again and again.
    """

    folder: Path
    settings: CollectSettings
    ledger: Ledger
    known: Known
    way: Way
    extension: str = ".txt"
    on_entry: Callable[[Entry], None] = lambda entry: None
    on_bytes: Callable[[int], None] = lambda count: None
    should_stop: Callable[[], bool] = lambda: False
    left_alone: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _halt: threading.Event = field(default_factory=threading.Event)
    _shas: set[str] = field(default_factory=set)
    _md5s: dict[str, str] = field(default_factory=dict)

    def run(self, posts: Sequence[Post]) -> None:
        """Raises Stopped, or DiskFull; what has come by then is in the ledger."""
        for entry in self.ledger.saved:
            self._shas.add(entry.sha256)
        hosts: dict[str, list[Post]] = defaultdict(list)
        for post in posts:
            if self.ledger.is_done(key_of(post)):
                continue
            reason = self._why_not(post)
            if reason:
                self._tell(Entry(key_of(post), reason=reason))
            else:
                hosts[urlsplit(post.file_url).hostname or ""].append(post)
        if not hosts:
            return
        with ThreadPoolExecutor(min(len(hosts), _HOSTS), "download") as threads:
            work = [threads.submit(self._host, host, some) for host, some in hosts.items()]
            try:
                wait(work)
            except BaseException:  # told to end: nothing may come any more
                self._halt.set()
                raise
        for one in work:
            one.result()
        if self._asked_to_stop():
            raise Stopped("Paused, as you asked. What has come is in the data set.")

    def _host(self, host: str, posts: Sequence[Post]) -> None:
        """The posts of one host, one after the other."""
        troubles = 0
        try:
            for number, post in enumerate(posts):
                if self._asked_to_stop():
                    return
                if troubles >= _TROUBLES:
                    self._leave(host, posts[number:])
                    return
                try:
                    self._tell(self._one(post))
                    troubles = 0
                except NetworkError as error:
                    troubles = troubles + 1 if _is_trouble(error) else 0
                    self._forget_nothing(self.folder / self._name(post))
                    self._tell(Entry(key_of(post), reason=str(error)[:MAX_REASON], again=True))
        except Stopped:
            return
        except BaseException:
            self._halt.set()
            raise

    def _forget_nothing(self, part: Path) -> None:
        """Half a file is gone on with next time; one of which nothing came leaves no trace."""
        if not part.exists() or not part.stat().st_size:
            forget(part)

    def _leave(self, host: str, posts: Sequence[Post]) -> None:
        reason = f"{host} failed {_TROUBLES} times in a row, so it was left alone. Resume later."
        self.left_alone.append(reason)
        for post in posts:
            self._tell(Entry(key_of(post), reason=reason, again=True))

    def _one(self, post: Post) -> Entry:
        name = self._name(post)
        part = self.folder / name
        web, headers = self.way(post)
        came = _Counter(self.on_bytes)
        wanted = Wanted(
            post.file_url,
            limit=self.settings.largest * MIB,
            size=post.file_size or None,
            md5=post.md5 or None,
            slowest=SLOWEST,
        )
        fetch(web, wanted, part, headers=headers, on_progress=came)
        try:
            info = probe(part)
            reason = self._reason(post, info)
        except ImageError as error:
            reason = str(error)
        if reason:
            forget(part)
            return Entry(key_of(post), reason=reason[:MAX_REASON])
        return self._keep(post, part, info)

    def _keep(self, post: Post, part: Path, info: ImageInfo) -> Entry:
        """The caption first, so that a picture is never seen without it."""
        with self._guard:
            if info.sha256 in self._shas or info.sha256 in self.known.shas:
                forget(part)
                return Entry(key_of(post), reason=HERE)
            self._shas.add(info.sha256)
        target = part.with_name(f"{part.name}{SUFFIXES[info.format]}")
        size = part.stat().st_size
        text = caption_of(post, self.settings) if self.settings.captions else ""
        if text:
            atomic_write_text(target.with_suffix(self.extension), f"{text}\n")
        replace(part, target)
        return Entry(key_of(post), target.name, info.sha256, post.md5.lower(), size)

    def _reason(self, post: Post, info: ImageInfo) -> str:
        """Why a whole picture is still not the one that is wanted; "" when it is."""
        if info.format not in SUFFIXES:
            return f"This is a {info.format} picture, which cannot be trained on."
        if info.frames > 1 and not self.settings.animated:
            return 'This picture is animated. Switch on "Animated pictures too" to fetch it.'
        if (
            not post.md5
            and post.width
            and info.width * info.height < 0.9 * post.width * post.height
        ):
            return (
                f"A smaller copy came ({info.width} × {info.height} px) than the post promises "
                f"({post.width} × {post.height} px)."
            )
        return ""

    def _why_not(self, post: Post) -> str:
        refused = refusal_of(post)
        if refused:
            return refused
        if post.rating in ("explicit", "questionable") and not explicit_allowed():
            return "Explicit pictures are not fetched here."
        if not post.file_url:
            return "The board names no file for this post; it may be hidden or deleted."
        md5 = post.md5.lower()
        twin = self._md5s.setdefault(md5, key_of(post)) if md5 else key_of(post)
        if twin != key_of(post):
            return f"This is the same picture as {twin}."
        return self.known.why_not(post, again=self.settings.again)

    def _name(self, post: Post) -> str:
        if self.settings.names == "md5" and post.md5:
            return slug(post.md5.lower())
        return slug(f"{post.site}_{post.id}")

    def _tell(self, entry: Entry) -> None:
        self.ledger.add(entry)
        self.on_entry(entry)

    def _asked_to_stop(self) -> bool:
        return self._halt.is_set() or self.should_stop()


class _Counter:
    """Turns "so many bytes are there" into "so many more have come"."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._done: int | None = None

    def __call__(self, done: int, total: int | None) -> None:
        before = done if self._done is None else self._done
        self._done = done
        self._report(max(0, done - before))


def _is_trouble(error: NetworkError) -> bool:
    """With the whole site, that is, and not with one file."""
    if isinstance(error, HttpRefused):
        return error.status in _REFUSALS or error.status >= 500
    return isinstance(error, ConnectionBroken) or "could not be reached" in str(error)
