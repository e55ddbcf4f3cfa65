"""Aspect buckets: pictures of one shape are trained together.

Same lists and choices as the guide's trainer, so that step counts agree. Sizes are (width, height)
in px.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, isqrt, sqrt

Size = tuple[int, int]


def bucket_resolutions(resolution: int, *, minimum: int, maximum: int, step: int) -> list[Size]:
    """All bucket sizes of about `resolution`² px, sorted.

    For each width from `minimum` to `maximum` the tallest height that stays within the area, cut
    down to a multiple of `step`; each of them also lying down; and the square. Limits that are no
    multiples of `step` are moved outwards, as the guide's trainer does.
    """
    minimum, maximum = max(step, minimum // step * step), ceil(maximum / step) * step
    area = resolution * resolution
    side = isqrt(area) // step * step
    sizes = {(side, side)}
    for width in range(minimum, maximum + 1, step):
        height = min(maximum, area // width // step * step)
        if height >= minimum:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


def select_bucket(size: Size, buckets: Sequence[Size]) -> Size:
    """The bucket for a picture: its own size if there is one, else the nearest aspect ratio.

    The distance is |w/h - w'/h'| as in the guide's trainer, not a ratio of ratios, so tall
    pictures are matched a little more coarsely than wide ones. The first of equals wins.
    """
    if size in buckets:
        return size
    aspect = size[0] / size[1]
    return min(buckets, key=lambda bucket: abs(bucket[0] / bucket[1] - aspect))


def cover_size(size: Size, bucket: Size) -> Size:
    """`size` scaled so that it just covers `bucket`; what sticks out is cropped afterwards."""
    width, height = size
    scale = max(bucket[0] / width, bucket[1] / height)
    if bucket[0] / width > bucket[1] / height:
        return bucket[0], max(bucket[1], int(height * scale + 0.5))
    return max(bucket[0], int(width * scale + 0.5)), bucket[1]


@dataclass(frozen=True)
class Fit:
    """Where a picture goes: it is resized to `resized`, and `bucket` is cut out of that."""

    bucket: Size
    resized: Size


def fit_into(size: Size, buckets: Sequence[Size]) -> Fit:
    """The nearest bucket of a list; small pictures are enlarged to cover it."""
    bucket = select_bucket(size, buckets)
    return Fit(bucket, cover_size(size, bucket))


def fit_without_enlarging(size: Size, *, resolution: int, step: int) -> Fit:
    """A bucket of the picture's own size, cut down to multiples of `step` px.

    Only what has more than `resolution`² px is shrunk, and then so that one side is a multiple of
    `step`: the one with which the aspect ratio comes out nearer, the height when both are equal.
    There is no shortest and no longest side. As the guide's trainer does, except that a side
    shorter than `step`, over which that trainer falls, is enlarged to it.
    """
    width, height = size
    resized = size
    if width * height > resolution * resolution:
        resized = _shrunk_to_area(width / height, resolution * resolution, step)
    if min(resized) < step:
        bucket = max(step, _cut(resized[0], step)), max(step, _cut(resized[1], step))
        return Fit(bucket, cover_size(size, bucket))
    return Fit((_cut(resized[0], step), _cut(resized[1], step)), resized)


def _shrunk_to_area(aspect: float, area: int, step: int) -> Size:
    """The size of about `area` px with one side a multiple of `step`; aspect: width / height."""
    wide = sqrt(area * aspect)
    high = area / wide
    width = _rounded(wide, step)
    height_for_width = _rounded(width / aspect, step)
    height = _rounded(high, step)
    width_for_height = _rounded(height * aspect, step)
    if not height_for_width or not height:  # so flat that no height is left
        return max(step, width), max(1, int(width / aspect + 0.5))
    if not width:
        return max(1, int(height * aspect + 0.5)), max(step, height)
    by_width = abs(width / height_for_width - aspect)
    by_height = abs(width_for_height / height - aspect)
    if by_width < by_height:
        return width, int(width / aspect + 0.5)
    return int(height * aspect + 0.5), height


def _cut(side: int, step: int) -> int:
    return side - side % step


def _rounded(side: float, step: int) -> int:
    """To the nearest px, then down to a multiple of `step`: kohya's round_to_steps."""
    return _cut(int(side + 0.5), step)


def letterbox_offset(size: Size, bucket: Size, *, flipped: bool = False) -> Size:
    """(left, top) of the picture if it were fitted inside the bucket, as SDXL is told of the crop.

    The guide's trainer passes this instead of the true crop, and every anime LoRA was trained so:
    a 1000 × 1500 picture in the 832 × 1216 bucket gives (10, 0) although 16 rows were cut off.
    For a mirrored picture left and right change places: left is the bucket's width − right.
    """
    width, height = size
    if width / height > bucket[0] / bucket[1]:
        fitted = bucket[0] / width * height
        return 0, max(0, int((bucket[1] - fitted) / 2))
    fitted = bucket[1] / height * width
    left = max(0, int((bucket[0] - fitted) / 2))
    return max(0, int(bucket[0] - (left + fitted))) if flipped else left, 0


@dataclass(frozen=True)
class Bucket:
    """One bucket of an epoch: `images` are distinct pictures, `seen` counts their repeats."""

    width: int
    height: int
    images: int
    seen: int
    batches: int


def fill_buckets(images: Iterable[tuple[Size, int]], batch_size: int) -> list[Bucket]:
    """Buckets in use, sorted, for pictures given as (bucket, repeats). A batch never mixes them."""
    counts: dict[Size, list[int]] = {}
    for bucket, repeats in images:
        count = counts.setdefault(bucket, [0, 0])
        count[0] += 1
        count[1] += repeats
    return [
        Bucket(*size, images=n, seen=seen, batches=ceil(seen / batch_size))
        for size, (n, seen) in sorted(counts.items())
        if seen
    ]


def square_side(resolution: int, step: int) -> int:
    """Side of the only bucket when buckets are off: the resolution, cut to a multiple of `step`."""
    return max(step, int(sqrt(resolution * resolution)) // step * step)
