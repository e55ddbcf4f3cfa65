"""Several taggers' words about one picture become one: union, intersection or mean.

A tagger has no say about tags that its list does not have: with `intersection` and `mean` only
those count that know the tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lorabake.tag.labels import Label
from lorabake.tag.scores import Scores, sparse
from lorabake.tag.select import Picked, Selector, arrange
from lorabake.tag.settings import TagSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Combined:
    """Chooses the tags of pictures from what one or several taggers said of them."""

    def __init__(self, lists: Sequence[Sequence[Label]], settings: TagSettings) -> None:
        self.settings = settings
        self._lists = lists
        self._selectors = [Selector(labels, settings) for labels in lists]
        self._joined = _Joined(lists) if len(lists) > 1 else None
        self._mean = Selector(self._joined.labels, settings) if self._joined else None

    @property
    def knows(self) -> frozenset[str]:
        """The keys of all tags that can be said."""
        return frozenset(label.key for labels in self._lists for label in labels if label.name)

    def __call__(self, scores: Sequence[Scores]) -> list[Picked]:
        """The tags of one picture in the order they are written; scores: of each tagger."""
        if self._joined is None or self._mean is None:
            return self._selectors[0](scores[0])
        mean = self._joined.mean(scores)
        rating = self._mean.rating(mean)
        if self.settings.combine == "mean":
            said = self._mean.said(mean)
        else:
            lists = [one.said(found) for one, found in zip(self._selectors, scores, strict=True)]
            said = self._joined.together(lists, all_of_them=self.settings.combine == "intersection")
        return arrange([*said, *rating], self.settings)

    def general(self, scores: Sequence[Scores]) -> NDArray[np.float32]:
        """How sure they are of all general tags that may be said: (N,), without those near 0.

        Of several taggers the highest, the lowest or the mean of each tag, as the settings combine.
        """
        import numpy as np

        if self._joined is None or self._mean is None:
            return self._selectors[0].general(scores[0])
        if self.settings.combine == "mean":
            return self._mean.general(self._joined.mean(scores))
        one = np.fmin if self.settings.combine == "intersection" else np.fmax
        return self._mean.general(self._joined.each(scores, one))

    def probability(self, scores: Sequence[Scores], key: str) -> float | None:
        """How sure they are of one tag: the mean of those that know it; None when none does."""
        values = [
            found.of(places[key])
            for places, found in zip(self._places, scores, strict=True)
            if key in places
        ]
        return fmean(values) if values else None

    @cached_property
    def _places(self) -> list[dict[str, int]]:
        return [{label.key: at for at, label in enumerate(labels)} for labels in self._lists]


class _Joined:
    """One list out of several, by tag: each with its place in every list that has it."""

    def __init__(self, lists: Sequence[Sequence[Label]]) -> None:
        import numpy as np

        places: dict[str, int] = {}
        joined: list[Label] = []
        self._places = []
        for labels in lists:
            for label in labels:
                if label.key not in places:
                    places[label.key] = len(joined)
                    joined.append(label)
            self._places.append(np.array([places[label.key] for label in labels]))
        self.labels = tuple(joined)
        self._keys = places
        self._known = Counter(key for labels in lists for key in {label.key for label in labels})
        self._known_by = np.array([self._known[label.key] for label in joined], dtype=np.float32)

    def mean(self, scores: Sequence[Scores]) -> Scores:
        """The mean probability of each tag over the taggers that know it."""
        import numpy as np

        total = np.zeros(len(self.labels), dtype=np.float32)
        for places, found in zip(self._places, scores, strict=True):
            np.add.at(total, places[found.labels], found.values)
        return sparse(total / self._known_by)

    def each(self, scores: Sequence[Scores], one: Callable[..., Any]) -> Scores:
        """One of the probabilities of each tag, of those taggers that know it; one: fmin or fmax."""
        import numpy as np

        result = np.full(len(self.labels), np.nan, dtype=np.float32)
        for places, found in zip(self._places, scores, strict=True):
            mine = np.full(len(self.labels), np.nan, dtype=np.float32)
            mine[places] = 0.0
            mine[places[found.labels]] = found.values
            result = one(result, mine)
        return sparse(result)

    def together(self, lists: Sequence[Sequence[Picked]], *, all_of_them: bool) -> list[Picked]:
        """Each tag once, with its highest probability; or only those that all who know it say."""
        best: dict[str, Picked] = {}
        said: Counter[str] = Counter()
        for picked in lists:
            for one in picked:
                said[one.key] += 1
                if one.key not in best or one.probability > best[one.key].probability:
                    best[one.key] = one
        return [
            one._replace(place=self._keys[key])
            for key, one in best.items()
            if not all_of_them or said[key] >= self._known[key]
        ]
