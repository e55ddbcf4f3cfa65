"""Probabilities, stored once: by picture content and tagger, only those that could ever matter.

A threshold can be as low as 0.05, and of some ten thousand tags only a few hundred reach 0.01 in a
picture. Kept as pairs of position (4 bytes) and probability (2 bytes, exact to 0.0003), a picture
takes about 1 KiB.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from lorabake.core.index import Index
from lorabake.tag.labels import Label

if TYPE_CHECKING:  # numpy costs a tenth of a second, which the page's start need not pay
    import numpy as np
    from numpy.typing import NDArray

KEPT = 0.01
_FORM = [("label", "<u4"), ("value", "<f2")]
_REMEMBERED = 20_000  # pictures; about 2 KiB each


@dataclass(frozen=True)
class Scores:
    """What a tagger said of one picture: labels (N,), ascending positions in its list; values (N,)."""

    labels: NDArray[np.intp]
    values: NDArray[np.float32]

    def of(self, label: int) -> float:
        """The probability of the tag at this position; 0 when it is below 0.01."""
        at = int(self.labels.searchsorted(label))
        return float(self.values[at]) if at < len(self.labels) and self.labels[at] == label else 0.0

    def dense(self, count: int) -> NDArray[np.float32]:
        """(count,), with zeros for what was not kept."""
        import numpy as np

        full = np.zeros(count, dtype=np.float32)
        full[self.labels] = self.values
        return full


def sparse(probabilities: NDArray[np.float32]) -> Scores:
    """What is worth keeping of (labels,)."""
    import numpy as np

    labels = np.flatnonzero(probabilities >= KEPT)
    return Scores(labels, probabilities[labels].astype(np.float32))


def pack(probabilities: NDArray[np.float32]) -> bytes:
    """(labels,) as it is kept."""
    import numpy as np

    found = sparse(probabilities)
    packed = np.empty(len(found.labels), dtype=_FORM)
    packed["label"], packed["value"] = found.labels, found.values
    return packed.tobytes()


def unpack(data: bytes, count: int) -> Scores | None:
    """The inverse of `pack` for a list of `count` tags; None when it is damaged."""
    import numpy as np

    if len(data) % np.dtype(_FORM).itemsize:
        return None
    packed: Any = np.frombuffer(data, dtype=_FORM)
    labels = packed["label"].astype(np.intp)
    values = packed["value"].astype(np.float32)
    ascending = bool((labels[1:] > labels[:-1]).all())
    if not ascending or (len(labels) and labels[-1] >= count) or not np.isfinite(values).all():
        return None
    return Scores(labels, values)


def scores_for(index: Index, tagger: str, shas: Iterable[str]) -> dict[str, Scores]:
    """What the tagger of this key said of each picture; those it never saw are left out."""
    count = len(labels_of(index, tagger))
    if not count:  # nobody has used this tagger here
        return {}
    wanted = list(dict.fromkeys(shas))
    found = _memory.recall(tagger, wanted)
    missing = [sha for sha in wanted if sha not in found]
    if missing:
        for sha, data in index.scores(tagger, missing).items():
            scores = unpack(data, count)
            if scores is not None:
                found[sha] = scores
                _memory.keep(tagger, sha, scores)
    return {sha: found[sha] for sha in wanted if sha in found}


def labels_of(index: Index, tagger: str) -> tuple[Label, ...]:
    """The list of a tagger that was used here; () when it is not known."""
    return _labels(index, tagger) or _forget(index, tagger)


@lru_cache(maxsize=16)
def _labels(index: Index, tagger: str) -> tuple[Label, ...]:
    return tuple(Label(name, category) for name, category in index.tagger_labels(tagger))


def _forget(index: Index, tagger: str) -> tuple[Label, ...]:
    """Not known a moment ago; it may be by now."""
    _labels.cache_clear()
    return _labels(index, tagger)


class _Memory:
    """Unpacked scores. They belong to contents (of the model, of the picture), so what is remembered
    is never wrong."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], Scores] = OrderedDict()

    def recall(self, tagger: str, shas: Iterable[str]) -> dict[str, Scores]:
        with self._lock:
            return {sha: self._kept[tagger, sha] for sha in shas if (tagger, sha) in self._kept}

    def keep(self, tagger: str, sha: str, scores: Scores) -> None:
        with self._lock:
            self._kept[tagger, sha] = scores
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)


_memory = _Memory()
