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
        help="How much a picture may be enlarged to fill its bucket. Not in the guide; 1.1 is "
        "our own. Lower flags more pictures; higher lets soft ones pass.",
        unit="times",
        minimum=1.0,
        maximum=8.0,
    )
    blurred: float = setting(
        1.6,
        "Blurred when softer than the others by",
        help="Edges so many times wider than in the middle picture of this data set. The guide "
        "only says to sort out bad quality; 1.6 is our own. Lower flags more pictures; "
        "higher lets soft ones pass.",
        unit="times",
        minimum=1.1,
        maximum=10.0,
    )
    bars: float = setting(
        0.02,
        "Bars count from",
        unit="of a side",
        help="How much of the width or height flat bars take on one side. Not in the guide; "
        "0.02 is our own. Lower finds thinner ones and errs more; higher lets them pass.",
        minimum=0.005,
        maximum=0.4,
        more=True,
    )
