"""What can be chosen for the flags of "Curating"."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


@dataclass(frozen=True, kw_only=True)
class CurateSettings:
    """When a picture is worth a second look."""

    enlarged: float = setting(
        1.1,
        "Too small when enlarged more than",
        help="How much a picture may be enlarged to fill its bucket.",
        unit="times",
        minimum=1.0,
        maximum=8.0,
    )
    blurred: float = setting(
        1.6,
        "Blurred when softer than the others by",
        help="Edges so many times wider than in the middle picture of this data set.",
        unit="times",
        minimum=1.1,
        maximum=10.0,
    )
    bars: float = setting(
        0.02,
        "Bars count from",
        help="Share of the width or height that flat bars take on one side.",
        minimum=0.005,
        maximum=0.4,
        more=True,
    )
