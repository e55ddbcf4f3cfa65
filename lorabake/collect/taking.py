"""Taking downloaded pictures into a data set: one step of its history, and where each is from."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.collect.job import Query, filters_record
from lorabake.collect.ledger import Entry, Ledger, key_of
from lorabake.collect.settings import CollectSettings
from lorabake.collect.sites import SITES
from lorabake.core.history import Outcome
from lorabake.core.origins import Origins
from lorabake.core.pictures import Made, add_pictures
from lorabake.core.settings import to_mapping
from lorabake.core.sources import Asked, Source, Sources

if TYPE_CHECKING:
    from lorabake.collect.post import Post

ORIGIN = "grab"


def take_in(
    root: Path, made: Path, folder: str, ledger: Ledger, posts: Iterable[Post], extension: str
) -> Outcome:
    """Move what waits in `made` into the concept `folder`; may be done again after a kill.

    What is no longer in `made` was taken in before, and only what is known of it is written down.
    """
    by_key = {key_of(post): post for post in posts}
    came = [entry for entry in ledger.saved if (made / entry.name).is_file()]
    outcome = Outcome(None)
    if came:
        results = [_made(made / entry.name, folder, extension) for entry in came]
        outcome = add_pictures(root, results, _title(len(came), folder), origin=ORIGIN)
    _remember(root, ledger.saved, by_key)
    return outcome


def tidy_made(made: Path, *, taken: bool) -> None:
    """Remove what is left there; the folder stays when pictures went from it: undo needs it."""
    with suppress(OSError):
        for path in made.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        if not taken:
            made.rmdir()


def remember_search(
    root: Path, query: Query, folder: str, settings: CollectSettings, posts: Iterable[Post]
) -> None:
    """So that an update can ask for what is newer than these posts."""
    last: dict[str, int] = {}
    for post in posts:
        last[post.site] = max(post.id, last.get(post.site, 0))
    if last:
        Sources.open(root).asked(
            Asked(
                sites=query.sites,
                text=query.text,
                folder=folder,
                last=last,
                filters=filters_record(query.filters),
                settings=to_mapping(settings),
            )
        )


def source_of(post: Post, entry: Entry) -> Source:
    return Source(
        sha256=entry.sha256,
        md5=entry.md5,
        site=post.site,
        id=post.id,
        url=post.file_url,
        page_url=post.page_url,
        rating=post.rating,
        score=post.score,
        parent=post.parent_id,
        tags={category: list(names) for category, names in post.tags.items()},
        source=post.source,
    )


def _remember(root: Path, entries: Sequence[Entry], posts: dict[str, Post]) -> None:
    sources, origins = Sources.open(root), Origins.open(root)
    new = [
        (entry, posts[entry.key])
        for entry in entries
        if entry.key in posts and sources.of(entry.sha256) is None
    ]
    sources.record_many(source_of(post, entry) for entry, post in new)
    tags: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for entry, post in new:
        label = SITES[post.site].label if post.site in SITES else post.site
        tags[label][entry.sha256] = [tag for names in post.tags.values() for tag in names]
    for label, some in tags.items():
        origins.record_many(some, "board", by=label)


def _made(picture: Path, folder: str, extension: str) -> Made:
    caption = picture.with_suffix(extension)
    return Made(picture, folder, captions=[caption] if caption.is_file() else [])


def _title(count: int, folder: str) -> str:
    what = "1 picture" if count == 1 else f"{count:,} pictures"
    return f"Download {what}{f' into {folder}' if folder else ''}"
