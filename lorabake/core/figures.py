"""Figures of many pictures, each computed once and kept in the index by the picture's content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from lorabake.core.decoder import decoders
from lorabake.core.errors import ImageError
from lorabake.core.index import Index

T = TypeVar("T")
_KEEP_EVERY = 200  # pictures between two writes into the index


@dataclass(frozen=True)
class Figures(Generic[T]):
    """A kind of figures. kind: their name in the index, another one whenever they are computed differently.

    compute: from a file, raising ImageError. unpack: gives None for what was not packed by `pack`.
    """

    kind: str
    compute: Callable[[Path], T]
    pack: Callable[[T], bytes]
    unpack: Callable[[bytes], T | None]

    def kept(self, index: Index, shas: Sequence[str]) -> dict[str, T]:
        """What is known without opening a picture."""
        known = {sha: self.unpack(data) for sha, data in index.facts(self.kind, shas).items()}
        return {sha: figures for sha, figures in known.items() if figures is not None}

    def of(
        self,
        index: Index,
        pictures: Sequence[tuple[str, Path]],
        *,
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> tuple[dict[str, T], dict[str, str]]:
        """(sha256, path) of pictures → their figures, and a sentence for each unreadable one.

        Only those not seen before are opened. Stopped early, it gives what it has; the next call
        goes on from there.
        """
        by_sha = dict(pictures)
        found = self.kept(index, list(by_sha))
        new = [pair for pair in by_sha.items() if pair[0] not in found]
        unreadable: dict[str, str] = {}
        waiting: dict[str, bytes] = {}
        done = len(found)
        if on_progress:
            on_progress(done, len(by_sha))

        def one(pair: tuple[str, Path]) -> tuple[str, T | ImageError | None]:
            if should_stop and should_stop():
                return pair[0], None
            try:
                return pair[0], self.compute(pair[1])
            except ImageError as error:
                return pair[0], error

        with ThreadPoolExecutor(decoders().size) as threads:
            for sha, result in threads.map(one, new):
                if result is None:
                    continue
                if isinstance(result, ImageError):
                    unreadable[sha] = str(result)
                else:
                    found[sha] = result
                    waiting[sha] = self.pack(result)
                done += 1
                if len(waiting) >= _KEEP_EVERY:
                    index.keep_facts(self.kind, waiting)
                    waiting = {}
                if on_progress:
                    on_progress(done, len(by_sha))
        if waiting:
            index.keep_facts(self.kind, waiting)
        return found, unreadable
