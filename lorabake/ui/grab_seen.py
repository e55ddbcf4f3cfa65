"""Posts that were shown, so that the page names them by board and number, and never an address."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from lorabake.collect.post import VIDEOS, Post
from lorabake.collect.sites import SITES
from lorabake.core.errors import LorabakeError, NetworkError
from lorabake.core.files import MIB, atomic_write_bytes, temporary_beside
from lorabake.core.http import Web
from lorabake.core.image import thumbnail
from lorabake.ui.place import of_place, place

REMEMBERED = 20_000  # posts; as many as one download may have
SMALL, LARGE = 320, 1280  # px at the longest side
MAX_PREVIEW, MAX_SAMPLE = 4 * MIB, 24 * MIB
KEPT = 4_000  # files in the cache of previews
_PATIENCE = (5.0, 10.0)  # seconds to connect, and for the next bytes: somebody looks at the page


class Seen:
    """The posts of the last searches; for any number of threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._posts: OrderedDict[str, Post] = OrderedDict()

    def add(self, posts: Iterable[Post]) -> None:
        with self._guard:
            for post in posts:
                key = key_of(post)
                self._posts[key] = post
                self._posts.move_to_end(key)
            while len(self._posts) > REMEMBERED:
                self._posts.popitem(last=False)

    def get(self, key: str) -> Post | None:
        with self._guard:
            return self._posts.get(key)


seen = of_place(Seen)
_web = Web(timeout=_PATIENCE, tries=2)


def key_of(post: Post) -> str:
    """ "gelbooru 123"."""
    return f"{post.site} {post.id}"


def preview_path(site: str, number: str, *, large: bool = False) -> Path:
    """A small copy of a post's picture, painted anew here; fetched when it is first looked at."""
    post = seen.get(f"{site} {number}")
    if post is None:
        raise LorabakeError("This picture is from a search before the last start. Search again.")
    url = _address(post, large=large)
    if not url:
        raise LorabakeError("The board has no preview of this picture.")
    _check_host(post, url)
    side = LARGE if large else SMALL
    name = hashlib.sha256(f"{side} {url}".encode()).hexdigest()
    target = _folder() / f"{name}.webp"
    if not target.exists():
        _fetch(post, url, target, side, MAX_SAMPLE if large else MAX_PREVIEW)
    return target


def _address(post: Post, *, large: bool) -> str:
    if not large:
        return post.preview_url or post.sample_url
    whole = "" if post.refused or (post.file_size or 0) > MAX_SAMPLE else post.file_url
    # Of a video, the sample is a video, too.
    sample = "" if post.extension in VIDEOS else post.sample_url
    return sample or whole or post.preview_url


def _check_host(post: Post, url: str) -> None:
    """Only the board's own hosts are asked, whatever its answer named."""
    site = SITES[post.site]
    if not site.serves(url):
        raise NetworkError(f"The preview lies at another host than {site.label} has.")


def _fetch(post: Post, url: str, target: Path, side: int, limit: int) -> None:
    site = SITES[post.site]
    headers = {
        "User-Agent": site.user_agent,
        "Referer": f"https://{urlsplit(site.home).hostname}/",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    web = replace(_web, allowed=lambda host: site.serves(f"https://{host}/"))
    with web.open(url, headers=headers) as answer:
        body = answer.read(limit)
    raw = temporary_beside(target)
    try:
        raw.write_bytes(body)
        atomic_write_bytes(target, thumbnail(raw, side))
    finally:
        raw.unlink(missing_ok=True)
    _tidy(target.parent)


def _folder() -> Path:
    return place().workspace.cache_dir / "board-previews"


def _tidy(folder: Path) -> None:
    """Forget the oldest when there are many; looking costs something, so only now and then."""
    _tidy.calls = getattr(_tidy, "calls", 0) + 1  # type: ignore[attr-defined]
    if _tidy.calls % 200:  # type: ignore[attr-defined]
        return
    files = []
    for path in folder.iterdir():
        with suppress(OSError):
            files.append((path.stat().st_mtime, path))
    for _, path in sorted(files)[: max(0, len(files) - KEPT)]:
        path.unlink(missing_ok=True)
