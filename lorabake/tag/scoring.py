"""Running a tagger over pictures: decoded beside it, in batches, kept as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.cpus import cpu_count
from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError, Stopped, WorkspaceError
from lorabake.core.index import Index
from lorabake.tag.pixels import batch_of, prepare
from lorabake.tag.scores import pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lorabake.tag.taggers import Tagger

    Pixels = NDArray[np.uint8]

Progress = Callable[[int, int], None]
_BATCHES = {"CPU": 4}  # more at once cost memory and gain nothing on a processor
_BATCH = 16
_AHEAD = 2  # batches that are decoded while one is looked at
_MAX_DECODERS = 8  # a card is quicker than four


@dataclass(frozen=True)
class Scored:
    """What came of it. done: pictures looked at now; known: those that had probabilities before.

    failed: (path, sentence) of those that cannot be read.
    """

    done: int = 0
    known: int = 0
    failed: tuple[tuple[Path, str], ...] = field(default=())


def score_pictures(
    tagger: Tagger,
    pictures: Sequence[tuple[str, Path]],
    index: Index,
    *,
    batch_size: int = 0,
    on_progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Scored:
    """Probabilities for all pictures (sha256, path) that have none of this tagger yet, into the index.

    on_progress: (done, total) with those that were known. Raises Stopped; what is done is kept.
    """
    index.keep_tagger(
        tagger.key, tagger.name, [(label.name, label.category) for label in tagger.labels]
    )
    wanted = dict(pictures)
    known = index.scores(tagger.key, wanted)
    todo = [(sha, path) for sha, path in wanted.items() if sha not in known]
    total, done, failed = len(wanted), 0, []
    on_progress(len(known), total)
    for batch, shas, unread in _batches(tagger, todo, batch_size):
        if should_stop():
            raise Stopped("Stopped, as you asked. What was done is kept.")
        failed += unread
        if shas:
            found = tagger.run(batch_of(batch))
            keep(index, tagger.key, dict(zip(shas, found, strict=True)))
        done += len(shas)
        on_progress(len(known) + done + len(failed), total)
    return Scored(done, len(known), tuple(failed))


def keep(index: Index, key: str, found: dict[str, NDArray[np.float32]]) -> None:
    """Into the index, for good."""
    if not index.keep_scores(key, {sha: pack(values) for sha, values in found.items()}):
        raise WorkspaceError(
            f"What the tagger said could not be kept in {index.path.name}. Look whether the disk "
            "is full, then start again: what is there already is kept."
        )


def usual_batch(tagger: Tagger) -> int:
    """How many pictures at once are quick where this tagger runs."""
    return tagger.batch or _BATCHES.get(tagger.provider, _BATCH)


Batch = tuple[list["Pixels"], list[str], list[tuple[Path, str]]]


def _batches(tagger: Tagger, todo: Sequence[tuple[str, Path]], batch_size: int) -> Iterator[Batch]:
    """(pixels, their sha256, what could not be read), decoded ahead of whoever asks."""
    size = batch_size or usual_batch(tagger)
    groups = [todo[start : start + size] for start in range(0, len(todo), size)]
    pool = decoders()
    if tagger.provider != "CPU":
        pool.widen(min(_MAX_DECODERS, cpu_count()))
    with ThreadPoolExecutor(pool.size) as threads:
        waiting: deque[list[tuple[str, Path, Future[Pixels]]]] = deque()

        def send(group: Sequence[tuple[str, Path]]) -> None:
            waiting.append(
                [(sha, path, threads.submit(prepare, path, tagger.size)) for sha, path in group]
            )

        try:
            for group in groups[:_AHEAD]:
                send(group)
            for number in range(len(groups)):
                batch = _gathered(waiting.popleft())
                if number + _AHEAD < len(groups):
                    send(groups[number + _AHEAD])
                yield batch
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _gathered(group: Sequence[tuple[str, Path, Future[Pixels]]]) -> Batch:
    pixels, shas, failed = [], [], []
    for sha, path, future in group:
        try:
            pixels.append(future.result())
            shas.append(sha)
        except ImageError as error:
            failed.append((path, str(error)))
    return pixels, shas, failed
