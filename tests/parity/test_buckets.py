"""Buckets are the guide's trainer's: its numbers, and its procedure written out a second time."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.buckets import (
    bucket_resolutions,
    fit_into,
    fit_without_enlarging,
    letterbox_offset,
)

Size = tuple[int, int]
LISTS = {
    (512, 256, 1024): 17,
    (768, 256, 1024): 19,
    (1024, 256, 2048): 41,
    (1024, 512, 2048): 33,
}
SDXL = bucket_resolutions(1024, minimum=256, maximum=2048, step=64)
SIZES = st.tuples(st.integers(64, 6000), st.integers(64, 6000))


def described_list(resolution: int, low: int, high: int, step: int) -> list[Size]:
    """§4.8 word by word: for each width the tallest height, both ways round, and the square."""
    found = set()
    width = low
    while width <= high:
        height = min(high, int(resolution * resolution / width / step) * step)
        if height >= low:
            found |= {(width, height), (height, width)}
        width += step
    square = int(math.sqrt(resolution * resolution) / step) * step
    return sorted(found | {(square, square)})


def described_choice(size: Size, buckets: list[Size]) -> tuple[Size, Size]:
    """An exact match first, else the least |w/h - AR|; resized to cover, rounded half up."""
    bucket = size
    if size not in buckets:
        errors = [abs(w / h - size[0] / size[1]) for w, h in buckets]
        bucket = buckets[errors.index(min(errors))]
    if bucket[0] * size[1] > bucket[1] * size[0]:  # the bucket is wider: the width has to fit
        return bucket, (bucket[0], int(bucket[0] * size[1] / size[0] + 0.5))
    return bucket, (int(bucket[1] * size[0] / size[1] + 0.5), bucket[1])


def described_without_enlarging(size: Size, limit: int, step: int) -> tuple[Size, Size]:
    """Shrunk by area only; the nearer of "width a multiple" and "height a multiple"."""

    def down(value: float) -> int:
        return int(value + 0.5) // step * step

    resized, aspect = size, size[0] / size[1]
    if size[0] * size[1] > limit * limit:
        wide = math.sqrt(limit * limit * aspect)
        w, h = down(wide), down(limit * limit / wide)
        first = abs(w / down(w / aspect) - aspect)
        second = abs(down(h * aspect) / h - aspect)
        resized = (w, int(w / aspect + 0.5)) if first < second else (int(h * aspect + 0.5), h)
    return (resized[0] // step * step, resized[1] // step * step), resized


@pytest.mark.parametrize("limits", LISTS)
def test_lists(limits: tuple[int, int, int]) -> None:
    found = bucket_resolutions(limits[0], minimum=limits[1], maximum=limits[2], step=64)
    assert found == described_list(*limits, 64)
    assert len(found) == LISTS[limits]


def test_the_longest_side_at_768_px_is_1024() -> None:
    found = bucket_resolutions(768, minimum=256, maximum=1024, step=64)
    assert max(max(size) for size in found) == 1024


@pytest.mark.parametrize(
    ("size", "bucket", "resized"),
    [
        ((1000, 1500), (832, 1216), (832, 1248)),
        ((850, 1200), (832, 1216), (861, 1216)),
        ((1920, 1080), (1344, 768), (1365, 768)),
        ((600, 800), (896, 1152), (896, 1195)),
        ((3000, 1000), (1728, 576), (1728, 576)),
        ((700, 2400), (512, 1856), (541, 1856)),
    ],
)
def test_choices(size: Size, bucket: Size, resized: Size) -> None:
    fit = fit_into(size, SDXL)
    assert (fit.bucket, fit.resized) == (bucket, resized)


@given(SIZES)
def test_every_choice_is_the_one_described(size: Size) -> None:
    fit = fit_into(size, SDXL)
    bucket, resized = described_choice(size, SDXL)
    assert fit.bucket == bucket
    assert max(abs(a - b) for a, b in zip(fit.resized, resized, strict=True)) <= 1
    assert fit.resized[0] >= bucket[0]
    assert fit.resized[1] >= bucket[1]


@pytest.mark.parametrize(
    ("size", "bucket", "resized"),
    [
        ((600, 800), (576, 768), (600, 800)),  # small: as it is, not enlarged
        ((1000, 1000), (960, 960), (1000, 1000)),
        ((100, 2000), (64, 1984), (100, 2000)),  # no shortest and no longest side
        ((2000, 3000), (832, 1216), (832, 1248)),
        ((1920, 1080), (1344, 768), (1365, 768)),  # 1.75 is nearer to 16:9 than 1344:704
        ((4096, 4096), (1024, 1024), (1024, 1024)),
    ],
)
def test_without_enlarging(size: Size, bucket: Size, resized: Size) -> None:
    fit = fit_without_enlarging(size, resolution=1024, step=64)
    assert (fit.bucket, fit.resized) == (bucket, resized)


@given(st.tuples(st.integers(200, 3000), st.integers(200, 3000)))
def test_without_enlarging_is_as_described(size: Size) -> None:
    fit = fit_without_enlarging(size, resolution=1024, step=64)
    assert (fit.bucket, fit.resized) == described_without_enlarging(size, 1024, 64)
    assert fit.resized[0] * fit.resized[1] <= max(1024 * 1024 * 1.1, 0)
    assert all(side <= own for side, own in zip(fit.resized, size, strict=True))


@given(st.integers(1, 16_000), st.integers(1, 16_000))
def test_any_picture_finds_a_bucket_without_enlarging(width: int, height: int) -> None:
    """The guide's trainer falls over a side below one step; here it is enlarged to that."""
    fit = fit_without_enlarging((width, height), resolution=512, step=64)
    assert min(fit.bucket) >= 64
    assert fit.bucket[0] % 64 == fit.bucket[1] % 64 == 0
    assert fit.resized[0] >= fit.bucket[0]
    assert fit.resized[1] >= fit.bucket[1]


@pytest.mark.parametrize("flipped", [False, True])
@given(size=SIZES)
def test_the_crop_that_sdxl_is_told(flipped: bool, size: Size) -> None:
    """§4.7: where the picture would sit inside the bucket; mirrored, left is width − right."""
    bucket = fit_into(size, SDXL).bucket
    aspect = Fraction(*size)
    left, top = Fraction(0), Fraction(0)
    fitted = Fraction(bucket[0])
    if Fraction(*bucket) > aspect:
        fitted = bucket[1] * aspect
        left = Fraction((bucket[0] - fitted) // 2)
    else:
        top = Fraction((bucket[1] - bucket[0] / aspect) // 2)
    told = int(bucket[0] - (left + fitted)) if flipped else int(left)
    found = letterbox_offset(size, bucket, flipped=flipped)
    assert abs(found[0] - told) <= 1  # floats against fractions, at whole numbers
    assert abs(found[1] - int(top)) <= 1


def test_the_crop_of_a_mirrored_picture() -> None:
    assert letterbox_offset((1000, 1500), (832, 1216)) == (10, 0)
    assert letterbox_offset((1000, 1500), (832, 1216), flipped=True) == (11, 0)
