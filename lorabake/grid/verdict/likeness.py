"""How much a painting is like the data set, in the words of a tagger.

The tags that a tagger sees in nearly all pictures of a concept are the subject, whether a caption
names them or the trigger word stands for them. Those that the plain base paints anyway tell nothing.
N pictures, L tags of the tagger's list; probabilities from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.tags import caption_form, tag_key
from lorabake.tag.labels import Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

SAID = 0.35  # from this probability on a tagger is taken at its word: the WD taggers' own middle
CONSTANT = 0.6  # share of a concept's pictures that have a tag which belongs to it
KNOWN = 0.05  # share of them that must have a tag for it to be no surprise in a painting
PLAIN = 0.5  # of how sure it is in the data set: what the base reaches by itself tells nothing
MOST_TELLING = 12


@dataclass(frozen=True)
class Telling:
    """What to look for in one concept's paintings.

    tags: positions of the tags that belong to it and that the plain base does not paint; sure: how
    sure the tagger is of each in the data set. known: positions that are no surprise.
    """

    tags: tuple[int, ...]
    sure: tuple[float, ...]
    known: frozenset[int]

    def names(self, labels: Sequence[Label]) -> list[str]:
        return [caption_form(labels[place].name) for place in self.tags]


@dataclass(frozen=True)
class Agreement:
    """Of one painting. likeness: F-score of the two below.

    found: how much of what belongs to the subject is seen (recall); expected: the share of what is
    seen that was asked for or is known from the data set (precision). obeyed: of the prompt's own
    words, None when the tagger knows none of them.
    """

    likeness: float
    found: float
    expected: float
    obeyed: float | None


def telling_tags(labels: Sequence[Label], data: Scores, plain: Scores) -> Telling:
    """data: (N, L) of the concept's pictures; plain: (M, L) of the base's paintings of its prompts."""
    usable = [bool(label.name) and label.category != "rating" for label in labels]
    share = (data >= SAID).mean(axis=0)
    sure = data.mean(axis=0)
    without = plain.mean(axis=0)
    constant = [
        place
        for place in range(len(labels))
        if usable[place] and share[place] >= CONSTANT and without[place] < PLAIN * sure[place]
    ]
    constant.sort(key=lambda place: (-float(sure[place] - without[place]), place))
    tags = constant[:MOST_TELLING]
    known = (place for place in range(len(labels)) if not usable[place] or share[place] >= KNOWN)
    return Telling(tuple(tags), tuple(float(sure[place]) for place in tags), frozenset(known))


def agreement(
    labels: Sequence[Label], telling: Telling, prompt: Iterable[str], scores: Scores
) -> Agreement:
    """One painting, (L,); prompt: its tags."""
    asked = {tag_key(tag) for tag in prompt}
    spoken = {place for place, label in enumerate(labels) if label.name and label.key in asked}
    found = 1.0
    if telling.tags:
        pairs = zip(telling.tags, telling.sure, strict=True)
        found = sum(min(1.0, float(scores[place]) / sure) for place, sure in pairs)
        found /= len(telling.tags)
    seen = [int(place) for place in (scores >= SAID).nonzero()[0]]
    fine = [place for place in seen if place in telling.known or place in spoken]
    expected = len(fine) / len(seen) if seen else 0.0
    own = sorted(spoken - set(telling.tags))
    obeyed = sum(min(1.0, float(scores[place]) / SAID) for place in own) / len(own) if own else None
    both = found + expected
    return Agreement(2 * found * expected / both if both else 0.0, found, expected, obeyed)
