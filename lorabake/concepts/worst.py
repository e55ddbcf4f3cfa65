"""Which pictures of a folder would be missed least, from what is known without looking closer.

Whoever knows more (blur, a person's stars, twins that a search found) gives verdicts of their own,
which count instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lorabake.concepts.balance import Verdict
from lorabake.concepts.looks import COLOURS, Looks
from lorabake.concepts.pile import Picture

COPY: Final = 10.0
TWIN: Final = 5.0
SMALL: Final = 3.0  # of a picture without pixels; one at the resolution has 0
NO_CAPTION: Final = 0.5
_ALIKE_COLOURS: Final = 0.96  # Bhattacharyya's coefficient of the shares of colours
_ALIKE_SHAPES: Final = 0.97  # correlation of the coarse pictures


def plain_verdicts(
    pictures: Sequence[Picture], *, resolution: int = 1024, looks: Looks | None = None
) -> dict[str, Verdict]:
    """id → verdict, for pictures with something against them. resolution: px that is trained at.

    The same content twice, near-twins where looks are known, small ones, those without a caption.
    """
    found: dict[str, Verdict] = {}
    for picture in pictures:
        share = min(1.0, picture.width * picture.height / resolution**2)
        badness = SMALL * (1 - share) + (0.0 if picture.tags else NO_CAPTION)
        why = "has no caption" if share == 1 else f"is small: {picture.width} × {picture.height} px"
        if badness > 0:
            found[picture.id] = Verdict(badness, why)
    for picture, other in [*_copies(pictures), *_twins(pictures, looks or {})]:
        copy = picture.sha256 == other.sha256
        why = f"{'is the same picture as' if copy else 'looks like'} {other.name}"
        badness = (COPY if copy else TWIN) + (
            found[picture.id].badness if picture.id in found else 0.0
        )
        if picture.id not in found or found[picture.id].badness < COPY:
            found[picture.id] = Verdict(badness, why)
    return found


def _copies(pictures: Sequence[Picture]) -> list[tuple[Picture, Picture]]:
    first: dict[str, Picture] = {}
    return [
        (picture, first[picture.sha256])
        for picture in pictures
        if first.setdefault(picture.sha256, picture) is not picture
    ]


def _twins(pictures: Sequence[Picture], looks: Looks) -> list[tuple[Picture, Picture]]:
    """The smaller of two that look alike, with the other."""
    import numpy as np

    known = [picture for picture in pictures if picture.sha256 in looks]
    # The largest first, so that it is the one that stays.
    known.sort(key=lambda one: (-one.width * one.height, one.id))
    if len(known) < 2:
        return []
    table = np.stack([looks[one.sha256] for one in known]).astype(np.float64)
    colours, shapes = np.sqrt(np.maximum(table[:, :COLOURS], 0)), table[:, COLOURS:]
    found = []
    for row in range(1, len(known)):
        alike = (colours[:row] @ colours[row] >= _ALIKE_COLOURS) & (
            shapes[:row] @ shapes[row] >= _ALIKE_SHAPES
        )
        if alike.any() and known[row].sha256 != known[int(alike.argmax())].sha256:
            found.append((known[row], known[int(alike.argmax())]))
    return found
