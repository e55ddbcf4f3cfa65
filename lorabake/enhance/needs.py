"""Which pictures are worth it: too small for their bucket, or blurred. Never all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from lorabake.core.buckets import Size, bucket_resolutions, fit_into
from lorabake.core.image import MAX_PIXELS, MAX_SIDE
from lorabake.enhance.look import Look
from lorabake.enhance.settings import EnhanceSettings

ENLARGED = 1.02  # times; less is nothing anybody sees
_SURELY_SOFT = 1.2  # px; edges that are this wide are soft whatever the others are
_NEVER_SOFT = 0.8  # px; edges that are not even this wide are sharp
_SOFTER = 1.6  # times the middle picture of the set


@dataclass(frozen=True)
class Need:
    """kind: "small" or "blurred". why: one sentence."""

    kind: str
    why: str


def standard_buckets(resolution: int) -> list[Size]:
    """The buckets of a resolution where no recipe says others, px."""
    return bucket_resolutions(
        resolution, minimum=min(256, resolution), maximum=max(2048, 2 * resolution), step=64
    )


def usual_blur(looks: Iterable[Look]) -> float:
    """The edges of the middle picture, px; 0 when nothing is known."""
    widths = [look.blur for look in looks if look.blur]
    return median(widths) if widths else 0.0


def enlarged(size: Size, buckets: Sequence[Size]) -> float:
    """How many times a bake would enlarge a picture to fill its bucket; below 1 it is shrunk."""
    if not buckets:
        return 1.0
    placed = fit_into(size, buckets)
    return max(placed.resized[0] / size[0], placed.resized[1] / size[1])


def needs(
    size: Size, look: Look | None, buckets: Sequence[Size], usual: float = 0.0
) -> tuple[Need, ...]:
    """Why a picture of this size (width, height) should be improved; () when it need not be."""
    found = []
    times = enlarged(size, buckets)
    if times > ENLARGED:
        wide, high = fit_into(size, buckets).bucket
        found.append(
            Need(
                "small",
                f"{size[0]} × {size[1]} px do not fill its bucket {wide} × {high}: "
                f"a bake would enlarge it {times:.2f} times.",
            )
        )
    if look is not None and look.blur > soft_from(usual):
        found.append(Need("blurred", _blurred(look.blur, usual)))
    return tuple(found)


def _blurred(blur: float, usual: float) -> str:
    said = f"Its sharpest edges are {blur:.1f} px wide"
    return f"{said}, those of the middle picture {usual:.1f} px." if usual else f"{said}."


def soft_from(usual: float) -> float:
    """From which width on edges count as blurred, px."""
    return min(_SURELY_SOFT, max(_NEVER_SOFT, _SOFTER * usual)) if usual else _SURELY_SOFT


def target_size(size: Size, settings: EnhanceSettings, buckets: Sequence[Size]) -> Size:
    """What a picture will have, px (width, height); its own size when it is not enlarged."""
    if not settings.enlarges:
        return size
    if settings.fit == "factor":
        wanted = (max(1, round(side * settings.factor)) for side in size)
        return _limited((next(wanted), next(wanted)))
    if not buckets or enlarged(size, buckets) <= 1:
        return size
    return _limited(fit_into(size, buckets).resized)


def _limited(size: Size) -> Size:
    """Brought within what can be read again."""
    width, height = size
    less = min(1.0, sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / max(width, height))
    return (width, height) if less == 1 else (max(1, int(width * less)), max(1, int(height * less)))
