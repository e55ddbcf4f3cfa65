"""Pictures in tiles: what is cut and joined again is what would have come out in one go."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lorabake.enhance.tiles import (
    CONTEXT,
    FEATHER,
    SMALLEST,
    Tiling,
    pixels_seen,
    run_tiled,
    spans,
    tile_count,
)
from tests.enhance.models import drawing

Floats = NDArray[np.float32]


def repeated(scale: int):  # type: ignore[no-untyped-def]
    return lambda tile: tile.repeat(scale, axis=0).repeat(scale, axis=1)


def shifted(by: int):  # type: ignore[no-untyped-def]
    """A network whose receptive field is `by` px: each pixel is the one so far to the left and above."""

    def run(tile: Floats) -> Floats:
        padded = np.pad(tile, ((by, 0), (by, 0), (0, 0)), mode="edge")
        return padded[: tile.shape[0], : tile.shape[1]]

    return run


@given(
    st.integers(1, 3000),
    st.integers(2 * CONTEXT + 3 * FEATHER, 600),
)
def test_tiles_cover_a_side_and_give_way_exactly_once(length: int, size: int) -> None:
    tiles = spans(length, Tiling(size))
    total = np.zeros(length)
    for tile in tiles:
        assert 0 <= tile.start < tile.end <= length
        assert tile.end - tile.start <= size
        at = np.arange(length) + 0.5
        weight = np.ones(length)
        for (begin, end), rising in ((tile.fade_in, True), (tile.fade_out, False)):
            if end > begin:
                share = ((at - begin) / (end - begin)).clip(0, 1)
                weight *= share if rising else 1 - share
        weight[: tile.start] = weight[tile.end :] = 0
        weight[: tile.fade_in[0]] = weight[tile.fade_out[1] :] = 0
        total += weight
        given_to = np.flatnonzero(weight)
        if tile.start:
            assert given_to[0] - tile.start >= CONTEXT
        if tile.end < length:
            assert tile.end - 1 - given_to[-1] >= CONTEXT
    assert np.allclose(total, 1)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 300), (97, 96), (331, 217)])
def test_no_pixel_changes_where_the_network_changes_none(size: tuple[int, int], scale: int) -> None:
    rgb = drawing(*size)
    result = run_tiled(repeated(scale), rgb, scale=scale, tiling=Tiling(SMALLEST))
    assert np.array_equal(result, rgb.repeat(scale, axis=0).repeat(scale, axis=1))


def test_a_network_that_sees_no_further_than_the_overlap_leaves_no_seam() -> None:
    """Exactly as in one go, up to rounding: its receptive field lies within what each tile sees."""
    rgb = np.random.default_rng(2).integers(0, 256, (300, 420, 3), dtype=np.uint8)
    once = run_tiled(shifted(CONTEXT), rgb, scale=1, tiling=Tiling(4096))
    tiled = run_tiled(shifted(CONTEXT), rgb, scale=1, tiling=Tiling(128))
    assert tile_count(420, 300, Tiling(128)) >= 12
    assert np.abs(once.astype(int) - tiled).max() <= 1


def test_a_network_that_sees_further_fades_instead_of_breaking_off() -> None:
    """Each tile is as bright as its own mean: without fading, there would be a step at every seam."""
    ramp = np.linspace(0, 255, 600).astype(np.uint8)
    rgb = np.broadcast_to(ramp[None, :, None], (100, 600, 3))

    def mean(tile: Floats) -> Floats:
        return np.full_like(tile, tile.mean())

    result = run_tiled(mean, rgb, scale=1, tiling=Tiling(160)).astype(int)
    steps = np.abs(np.diff(result[50, :, 0]))
    whole = np.abs(result[50, -1, 0] - result[50, 0, 0])
    seams = len(spans(600, Tiling(160))) - 1
    assert steps.max() <= np.ceil(whole / seams / FEATHER) + 1


def test_each_tile_is_told_and_stopping_leaves_at_once() -> None:
    rgb, seen = drawing(300, 200), []

    def run(tile: Floats) -> Floats:
        seen.append(tile.shape[:2])
        return tile

    run_tiled(run, rgb, scale=1, tiling=Tiling(128))
    assert len(seen) == tile_count(300, 200, Tiling(128)) > 4
    assert sum(height * width for height, width in seen) == pixels_seen(300, 200, Tiling(128))
    assert max(max(shape) for shape in seen) <= 128

    def stop() -> None:
        raise KeyboardInterrupt

    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        run_tiled(run, rgb, scale=1, tiling=Tiling(128), on_tile=stop)
    assert len(seen) == 1


def test_tiles_are_no_larger_than_needed() -> None:
    """What lies in several tiles is paid for several times."""
    assert pixels_seen(300, 300, Tiling(256)) < 1.5 * 300 * 300
    assert pixels_seen(256, 256, Tiling(256)) == 256 * 256
    assert pixels_seen(1000, 1000, Tiling(256)) < 1.55 * 1000 * 1000


def test_memory_is_the_result_and_a_row_of_tiles() -> None:
    rgb = np.asarray(Image.new("RGB", (1500, 2000), (9, 99, 199)))
    tracemalloc.start()
    result = run_tiled(repeated(2), rgb, scale=2, tiling=Tiling(256))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    band = 256 * 2 * 3000 * 3 * 4
    assert peak < result.nbytes + 3 * band
