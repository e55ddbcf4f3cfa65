"""Buckets are those of the guide's trainer, so that its step counts carry over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.buckets import (
    Bucket,
    bucket_resolutions,
    cover_size,
    fill_buckets,
    letterbox_offset,
    select_bucket,
    square_side,
)

SDXL = bucket_resolutions(1024, minimum=256, maximum=2048, step=64)
NAI = bucket_resolutions(768, minimum=256, maximum=1024, step=64)


@pytest.mark.parametrize(
    ("resolution", "minimum", "maximum", "count"),
    [(512, 256, 1024, 17), (768, 256, 1024, 19), (1024, 256, 2048, 41), (1024, 512, 2048, 33)],
)
def test_lists_are_as_long_as_the_guides_trainers(
    resolution: int, minimum: int, maximum: int, count: int
) -> None:
    found = bucket_resolutions(resolution, minimum=minimum, maximum=maximum, step=64)
    assert len(found) == len(set(found)) == count
    assert found == sorted(found)


def test_the_list_for_512_px() -> None:
    standing = [(256, 1024), (320, 768), (384, 640), (448, 576)]
    limits = [(256, 832), (256, 896), (256, 960), (320, 704), (384, 576), (448, 512), (512, 512)]
    found = bucket_resolutions(512, minimum=256, maximum=1024, step=64)
    assert set(standing) <= set(found)
    assert (512, 512) in found
    assert {(height, width) for width, height in found} == set(found)
    assert set(found) <= {*standing, *limits, *((h, w) for w, h in [*standing, *limits])}


@pytest.mark.parametrize(
    ("size", "buckets", "chosen"),
    [
        ((1000, 1500), SDXL, (832, 1216)),
        ((850, 1200), SDXL, (832, 1216)),
        ((1920, 1080), SDXL, (1344, 768)),
        ((600, 800), SDXL, (896, 1152)),
        ((3000, 1000), SDXL, (1728, 576)),
        ((700, 2400), SDXL, (512, 1856)),
        ((1000, 1500), NAI, (640, 896)),
        ((1920, 1080), NAI, (1024, 576)),
        ((1024, 1024), SDXL, (1024, 1024)),
        ((5, 5), SDXL, (1024, 1024)),
    ],
)
def test_a_picture_goes_where_the_guides_trainer_puts_it(
    size: tuple[int, int], buckets: list[tuple[int, int]], chosen: tuple[int, int]
) -> None:
    assert select_bucket(size, buckets) == chosen


@pytest.mark.parametrize("bucket", SDXL)
def test_a_picture_of_a_buckets_own_size_goes_there(bucket: tuple[int, int]) -> None:
    """Several buckets may have one aspect ratio; the exact size wins."""
    assert select_bucket(bucket, SDXL) == bucket


def test_the_nearest_is_by_width_over_height_and_the_first_of_equals() -> None:
    assert select_bucket((10, 10), [(75, 100), (125, 100)]) == (75, 100)
    # 1 is 0.4 from 0.6 and 0.5 from 1.5, though a ratio of ratios would say the other.
    assert select_bucket((10, 10), [(60, 100), (150, 100)]) == (60, 100)


@pytest.mark.parametrize(
    ("size", "bucket", "resized"),
    [
        ((1000, 1500), (832, 1216), (832, 1248)),
        ((600, 800), (896, 1152), (896, 1195)),
        ((1920, 1080), (1344, 768), (1365, 768)),
        ((64, 64), (64, 64), (64, 64)),
    ],
)
def test_pictures_are_resized_to_cover_their_bucket(
    size: tuple[int, int], bucket: tuple[int, int], resized: tuple[int, int]
) -> None:
    assert cover_size(size, bucket) == resized


def test_sdxl_is_told_the_letterbox_and_not_the_crop() -> None:
    """A 1000 × 1500 picture in the 832 × 1216 bucket: left 10, top 0, although rows are cut off."""
    assert letterbox_offset((1000, 1500), (832, 1216)) == (10, 0)
    assert letterbox_offset((1500, 1000), (1216, 832)) == (0, 10)
    assert letterbox_offset((1920, 1080), (1344, 768)) == (0, 6)
    assert letterbox_offset((832, 1216), (832, 1216)) == (0, 0)


def test_pictures_fill_buckets_of_their_own() -> None:
    found = fill_buckets([((832, 1216), 3), ((832, 1216), 2), ((1024, 1024), 1)], 2)
    assert found == [
        Bucket(832, 1216, images=2, seen=5, batches=3),
        Bucket(1024, 1024, images=1, seen=1, batches=1),
    ]
    assert fill_buckets([], 2) == []


def test_many_shapes_take_more_steps_than_the_simple_sum() -> None:
    """22 pictures × 10 repeats × 4 epochs ÷ batch size 50 is 17 steps by the sum, in fact 28."""
    shapes = [(1024, 1024)] * 6 + [(832, 1216)] * 6 + [(1216, 832)] * 4
    shapes += [(896, 1152)] * 3 + [(1152, 896)] * 3
    found = fill_buckets([(shape, 10) for shape in shapes], 50)
    batches = sum(bucket.batches for bucket in found)
    assert sum(bucket.seen for bucket in found) == 220
    assert 220 * 4 // 50 == 17
    assert batches * 4 == 28


def test_a_partial_batch_is_a_step() -> None:
    one = [(1024, 1024)]
    assert [fill_buckets([(one[0], n)], 4)[0].batches for n in (1, 4, 5, 8, 9)] == [
        *(1, 1, 2, 2, 3)
    ]


@pytest.mark.parametrize(("resolution", "side"), [(1024, 1024), (1000, 960), (32, 64)])
def test_without_buckets_there_is_one_square(resolution: int, side: int) -> None:
    assert square_side(resolution, 64) == side


def test_limits_that_are_no_multiples_move_outwards() -> None:
    """As in the guide's trainer: a side of 250 or 1030 px would not fit the model."""
    assert bucket_resolutions(512, minimum=250, maximum=1000, step=64) == bucket_resolutions(
        512, minimum=192, maximum=1024, step=64
    )
    assert bucket_resolutions(64, minimum=1, maximum=64, step=64) == [(64, 64)]


LISTS = st.tuples(
    st.sampled_from([8, 16, 32, 64, 100]),
    st.integers(64, 1100),
    st.integers(16, 1024),
    st.integers(0, 1500),
).map(lambda drawn: (drawn[0], max(drawn[1], drawn[0]), drawn[2], drawn[2] + drawn[3]))


@given(LISTS)
def test_every_bucket_keeps_to_area_limits_and_steps(drawn: tuple[int, int, int, int]) -> None:
    step, resolution, minimum, maximum = drawn
    square = resolution // step * step
    for width, height in bucket_resolutions(
        resolution, minimum=minimum, maximum=maximum, step=step
    ):
        assert width % step == height % step == 0 < width
        assert width * height <= resolution**2
        if (width, height) != (square, square):
            assert minimum - step < min(width, height)
            assert max(width, height) < maximum + step


SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@given(SIZES, st.sampled_from(SDXL + NAI))
def test_a_resized_picture_covers_its_bucket_and_one_side_fits(
    size: tuple[int, int], bucket: tuple[int, int]
) -> None:
    width, height = cover_size(size, bucket)
    assert width >= bucket[0]
    assert height >= bucket[1]
    assert width == bucket[0] or height == bucket[1]
    # Each side is scaled alike, up to the rounding to whole px.
    assert abs(width * size[1] - height * size[0]) <= max(size)


@given(SIZES)
def test_a_letterbox_has_its_bars_on_one_side_pair_only(size: tuple[int, int]) -> None:
    bucket = select_bucket(size, SDXL)
    left, top = letterbox_offset(size, bucket)
    assert left >= 0 <= top
    assert left == 0 or top == 0
    assert 2 * left < bucket[0]
    assert 2 * top < bucket[1]


@given(st.lists(st.tuples(SIZES, st.integers(1, 30)), max_size=30), st.integers(1, 9))
def test_no_picture_is_lost_between_buckets(
    images: list[tuple[tuple[int, int], int]], batch_size: int
) -> None:
    found = fill_buckets([(select_bucket(size, SDXL), n) for size, n in images], batch_size)
    assert sum(bucket.images for bucket in found) == len(images)
    assert sum(bucket.seen for bucket in found) == sum(repeats for _, repeats in images)
    for bucket in found:
        assert (bucket.batches - 1) * batch_size < bucket.seen <= bucket.batches * batch_size
