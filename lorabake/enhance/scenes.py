"""Which pictures are frames of one scene: they follow each other, have one shape and look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BACK = 12  # scenes before, in which a camera may come back
_ALIKE = 0.75  # share of the colours that two frames have in common
_SHAPE = 0.01  # by which their aspect ratios may differ


@dataclass(frozen=True)
class Frame:
    """folder: only within one. width, height: px. colours: (64,) shares."""

    folder: str
    width: int
    height: int
    colours: NDArray[np.float64]


def scenes(frames: Sequence[Frame]) -> list[int]:
    """The number of each frame's scene. frames: in the order of their names."""
    import numpy as np

    numbers: list[int] = []
    last: dict[int, Frame] = {}  # of each scene
    for frame in frames:
        best, likeness = -1, _ALIKE
        for number in list(last)[-_BACK:]:
            other = last[number]
            ratio = frame.width / frame.height / (other.width / other.height)
            if other.folder != frame.folder or abs(ratio - 1) > _SHAPE:
                continue
            common = float(np.minimum(frame.colours, other.colours).sum())
            if common >= likeness:
                best, likeness = number, common
        number = best if best >= 0 else (max(last, default=-1) + 1)
        last.pop(number, None)
        last[number] = frame  # the latest one at the end
        numbers.append(number)
    return numbers
