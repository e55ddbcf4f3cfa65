"""What a tagger found in pictures, whatever their captions say: for those who lay the two side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lorabake.core.index import Index
from lorabake.tag.scores import labels_of, scores_for

SURE: Final = 0.35  # the guide's 0.3 and a little: a tag that is missing should really be there
_KINDS: Final = ("general", "")


def tags_seen(
    index: Index, shas: Iterable[str], *, tagger: str = "", threshold: float = SURE
) -> dict[str, frozenset[str]]:
    """sha256 → keys of core.tags.tag_key, of general tags only; pictures that no tagger looked at are left out.

    tagger: key of one whose probabilities are kept; "" for the one that was used last.
    """
    wanted = list(shas)
    if not tagger:
        used = index.taggers()
        if not used:
            return {}
        tagger = used[0][0]
    labels = labels_of(index, tagger)
    found = {}
    for sha, scores in scores_for(index, tagger, wanted).items():
        sure = scores.labels[scores.values >= threshold]
        found[sha] = frozenset(
            labels[place].key
            for place in sure.tolist()
            if labels[place].category in _KINDS and labels[place].name
        )
    return found
