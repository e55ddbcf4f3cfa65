"""From probabilities to tags: thresholds, MCut, order and spelling. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lorabake.core.errors import RecipeError
from lorabake.core.names import shown
from lorabake.core.tags import caption_form, tag_key
from lorabake.tag.labels import Label
from lorabake.tag.scores import Scores, sparse
from lorabake.tag.settings import TagSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Label", "Picked", "Selector", "arrange", "listed", "mcut", "select"]

NAMES = ("character", "copyright", "artist")  # what the threshold of characters is for
MCUT_OF_NAMES = 0.15  # below it, a name is never said: as the taggers' own page does
MAX_THRESHOLDS = 1000


class Picked(NamedTuple):  # made twice as quickly as a dataclass: there are hundreds of thousands
    """A tag that a tagger says. name: as it stands in a caption; probability: from 0 to 1.

    place: in the tagger's list.
    """

    name: str
    category: str
    probability: float
    place: int = 0

    @property
    def key(self) -> str:
        return tag_key(self.name)


class Selector:
    """Chooses the tags of pictures. Made once for a list and settings, because lists are long."""

    def __init__(self, labels: Sequence[Label], settings: TagSettings) -> None:
        import numpy as np

        self.settings = settings
        self.labels = labels
        self._spelled: dict[int, tuple[str, str]] = {}
        self._limits = _limits(labels, settings)
        categories = np.array([label.category for label in labels], dtype=object)
        self._is_name = np.isin(categories.astype(str), NAMES)
        self._is_rating = categories == "rating"
        self._is_free = np.isfinite(self._limits) & ~_singles(labels, settings)

    def __call__(self, scores: Scores) -> list[Picked]:
        """The tags of one picture in the order they are written."""
        return arrange([*self.said(scores), *self.rating(scores)], self.settings)

    def said(self, scores: Scores) -> list[Picked]:
        """The tags that reach their thresholds, by their place in the list; without the rating."""
        limits = self._limits[scores.labels]
        if self.settings.general_mcut:
            limits = self._cut(scores, limits, of_names=False)
        if self.settings.character_mcut:
            limits = self._cut(scores, limits, of_names=True)
        chosen = (scores.values >= limits).nonzero()[0]
        places, values = scores.labels[chosen].tolist(), scores.values[chosen].tolist()
        spelled = self._spelled
        return [
            Picked(*(spelled.get(place) or self._spell(place)), value, place)
            for place, value in zip(places, values, strict=True)
        ]

    def general(self, scores: Scores) -> NDArray[np.float32]:
        """The probabilities of all general tags that may be said, whatever their thresholds: (N,)."""
        import numpy as np

        free = np.isfinite(self._limits[scores.labels]) & ~self._is_name[scores.labels]
        return scores.values[free]

    def rating(self, scores: Scores) -> list[Picked]:
        """The likeliest of the ratings; [] when the list has none."""
        mine = self._is_rating[scores.labels].nonzero()[0]
        if not len(mine):
            return []
        best = mine[scores.values[mine].argmax()]
        place = int(scores.labels[best])
        return [Picked(*self._spell(place), float(scores.values[best]), place)]

    def _cut(
        self, scores: Scores, limits: NDArray[np.float32], *, of_names: bool
    ) -> NDArray[np.float32]:
        """The limits with a threshold of this picture's own, where no single one is set."""
        import numpy as np

        free = self._is_free[scores.labels] & (self._is_name[scores.labels] == of_names)
        cut = mcut(scores.values[free])
        return np.where(free, max(cut, MCUT_OF_NAMES) if of_names else cut, limits)

    def _spell(self, place: int) -> tuple[str, str]:
        """(name, category) as they are written; done once a tag."""
        label = self.labels[place]
        name = caption_form(
            label.name,
            underscores=self.settings.underscores,
            escape=self.settings.escape_brackets,
        )
        pair = self._spelled[place] = (name, label.category)
        return pair


def select(
    labels: Sequence[Label], scores: NDArray[np.float32], settings: TagSettings
) -> list[Picked]:
    """The tags of one picture in the order they are written; scores: (labels,)."""
    return Selector(labels, settings)(sparse(scores))


def mcut(values: NDArray[np.float32]) -> float:
    """The threshold in the middle of the widest gap between probabilities (Maximum Cut Thresholding;
    Largeron, Moulin, Géry 2012). values: (N,), in any order; what is below 0.01 counts as 0."""
    import numpy as np

    if not len(values):
        return 1.0
    falling = np.append(np.sort(values)[::-1], 0.0)
    gaps = falling[:-1] - falling[1:]
    widest = int(gaps.argmax())
    return float(falling[widest] + falling[widest + 1]) / 2


def arrange(picked: Iterable[Picked], settings: TagSettings) -> list[Picked]:
    """In the order they are written, at most as many as allowed; the rating where it was asked for."""
    rated = [one for one in picked if one.category == "rating"]
    rest = sorted(
        (one for one in picked if one.category != "rating"), key=lambda one: -one.probability
    )
    if settings.max_tags:
        rest = rest[: settings.max_tags]
    if settings.order == "alphabetical":
        rest.sort(key=lambda one: one.name.casefold())
    elif settings.order == "list":
        rest.sort(key=lambda one: one.place)
    names = [one for one in rest if one.category in NAMES]
    others = [one for one in rest if one.category not in NAMES]
    rest = [*names, *others] if settings.characters_first else [*others, *names]
    if settings.rating == "off" or not rated:
        return rest
    excluded = set(listed(settings.exclude))
    rated = [one for one in rated[:1] if one.key not in excluded]
    return [*rated, *rest] if settings.rating == "first" else [*rest, *rated]


def listed(text: str) -> list[str]:
    """The keys of tags written with commas or lines between."""
    parts = text.replace("\n", ",").split(",")
    return [tag_key(part) for part in parts if part.strip()]


def _limits(labels: Sequence[Label], settings: TagSettings) -> NDArray[np.float32]:
    """The threshold of each tag, (labels,); infinite for what is never said."""
    import numpy as np

    single = single_thresholds(settings)
    excluded = set(listed(settings.exclude))

    def limit(label: Label) -> float:
        if not label.name or label.category == "rating" or label.key in excluded:
            return math.inf
        usual = settings.character_threshold if label.category in NAMES else settings.threshold
        return single.get(label.key, usual)

    # 32 bits on both sides of the comparison: 0.3 as a number of 64 bits lies above a stored 0.3.
    return np.array([limit(label) for label in labels], dtype=np.float32)


def _singles(labels: Sequence[Label], settings: TagSettings) -> NDArray[np.bool_]:
    """Which tags have a threshold of their own, (labels,)."""
    import numpy as np

    single = single_thresholds(settings)
    return np.array([bool(single) and label.key in single for label in labels], dtype=np.bool_)


def single_thresholds(settings: TagSettings) -> dict[str, float]:
    """The thresholds of single tags by key; RecipeError for what is no number."""
    if len(settings.tag_thresholds) > MAX_THRESHOLDS:
        raise RecipeError(f"At most {MAX_THRESHOLDS} single tags can have their own threshold.")
    found = {}
    for name, value in settings.tag_thresholds.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not 0 <= number <= 100:
            raise RecipeError(
                f"The threshold of {shown(str(name))} cannot be {shown(str(value))!r}; "
                "it wants a number such as 0.6."
            )
        found[tag_key(str(name))] = number
    return found
