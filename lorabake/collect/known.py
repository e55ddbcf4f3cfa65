"""What need not be fetched: what is here, and what was here and was deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.dataset import scan_dataset
from lorabake.core.fetch import md5_of
from lorabake.core.files import sha256_of
from lorabake.core.image import is_picture_name
from lorabake.core.index import Index
from lorabake.core.pictures import ORIGINALS
from lorabake.core.sources import Sources

if TYPE_CHECKING:
    from lorabake.collect.post import Post

_KIND = "md5-1"
HERE = "This picture is here already."
DELETED = (
    "This picture was fetched before and taken out. "
    'Switch on "Also what I deleted" to fetch it once more.'
)


class Known:
    """The pictures of one dataset by content: those in it, and those it remembers."""

    def __init__(
        self, root: Path, index: Index, *, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.sources = Sources.open(root)
        self.shas: set[str] = set()
        self.md5s: set[str] = set()
        if root.is_dir():
            self._look(root, index, should_stop)

    def why_not(self, post: Post, *, again: bool) -> str:
        """A sentence when this post need not be fetched, else ""."""
        if post.md5 and post.md5.lower() in self.md5s:
            return HERE
        if not again and (
            self.sources.has(post.md5)
            or (not post.md5 and self.sources.has_post(post.site, post.id))
        ):
            return DELETED
        return ""

    def _look(self, root: Path, index: Index, should_stop: Callable[[], bool]) -> None:
        paths = {image.sha256: image.path for image in scan_dataset(root, index=index).images}
        for path in _replaced(root):
            with suppress(OSError):
                paths.setdefault(sha256_of(path), path)
        self.shas = set(paths)
        known = index.facts(_KIND, paths)
        found: dict[str, bytes] = {}
        for sha, path in paths.items():
            if sha not in known and not should_stop():
                with suppress(OSError):
                    found[sha] = bytes.fromhex(md5_of(path))
        index.keep_facts(_KIND, found)
        self.md5s = {md5.hex() for md5 in (*known.values(), *found.values())}


def _replaced(root: Path) -> Iterator[Path]:
    """Pictures whose place something better took: they are here, too."""
    home = root / ORIGINALS
    for path in home.rglob("*") if home.is_dir() and not home.is_symlink() else ():
        if is_picture_name(path.name) and not path.is_symlink():
            yield path
