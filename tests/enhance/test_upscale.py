"""One picture made larger or clearer: sizes, strength, transparency, memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lorabake.core.buckets import fit_into
from lorabake.core.errors import ImageError
from lorabake.core.image import MAX_PIXELS, MAX_SIDE, load_alpha, load_rgb
from lorabake.engine.device import DeviceInfo
from lorabake.enhance import upscale
from lorabake.enhance.alpha import Layers, colours, read_layers
from lorabake.enhance.needs import standard_buckets, target_size
from lorabake.enhance.network import Network, load_network
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.upscale import blend, enlarge, improve, to_size, write_png
from tests.enhance.models import drawing

Bytes = NDArray[np.uint8]
BUCKETS = standard_buckets(512)
SKIN, HIDDEN = (230, 190, 170), (0, 255, 0)


@pytest.fixture(scope="module")
def networks(esrgans: dict[str, Path]) -> dict[str, Network]:
    device = DeviceInfo("cpu", "CPU", 0)
    return {name: load_network(path, device) for name, path in esrgans.items()}


def picture(path: Path, pixels: Bytes) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def disc(side: int = 96) -> Bytes:
    """A disc of skin with soft edges; what is transparent hides a loud colour."""
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(x - side / 2, y - side / 2)
    alpha = ((side / 3 - distance) * 60).clip(0, 255).astype(np.uint8)
    rgba = np.zeros((side, side, 4), dtype=np.uint8)
    rgba[..., :3] = np.where(alpha[..., None] > 0, SKIN, HIDDEN)
    rgba[..., 3] = alpha
    return rgba


@pytest.mark.parametrize("name", ["1x", "2x", "4x"])
def test_resize_one_keeps_the_size(tmp_path: Path, networks: dict[str, Network], name: str) -> None:
    """ "Resize 1": a 1x model such as ReFocus Cleanly, and any other, leaves the size as it is."""
    rgb = drawing(150, 110)
    path = picture(tmp_path / "a.png", rgb)
    settings = EnhanceSettings(upscaler="model", fit="factor", factor=1.0)
    size = target_size((150, 110), settings, ())
    result = improve(path, size, settings, network=networks[name], curve=None)
    assert result.shape == rgb.shape
    assert np.abs(result.astype(int) - rgb).mean() < 12, "the same picture"
    assert not np.array_equal(result, rgb), "but the model was there"


def test_without_a_model_it_is_lanczos(tmp_path: Path) -> None:
    rgb = drawing(60, 40)
    path = picture(tmp_path / "a.png", rgb)
    result = improve(path, (150, 100), EnhanceSettings(), network=None, curve=None)
    wanted = Image.fromarray(rgb).resize((150, 100), Image.Resampling.LANCZOS)
    assert np.array_equal(result, np.asarray(wanted))
    assert np.array_equal(to_size(rgb, (60, 40)), rgb)
    assert np.array_equal(to_size(rgb, (30, 20)), rgb.reshape(20, 2, 30, 2, 3).mean((1, 3)).round())


def test_as_large_as_the_bucket_needs_and_never_smaller() -> None:
    settings = EnhanceSettings(upscaler="model")
    for size in ((200, 300), (511, 90), (1, 1), (2000, 1)):
        wide, high = target_size(size, settings, BUCKETS)
        bucket = fit_into(size, BUCKETS).bucket
        if wide < MAX_SIDE:
            assert wide >= bucket[0]
            assert high >= bucket[1]
            assert wide == pytest.approx(bucket[0], abs=1) or high == pytest.approx(
                bucket[1], abs=1
            )
        assert wide * high <= MAX_PIXELS
        assert max(wide, high) <= MAX_SIDE
    assert target_size((900, 900), settings, BUCKETS) == (900, 900)
    assert target_size((9, 9), settings, ()) == (9, 9)
    assert target_size((9, 9), EnhanceSettings(upscaler="off"), BUCKETS) == (9, 9)
    twice = EnhanceSettings(fit="factor", factor=2.0)
    assert target_size((300, 201), twice, BUCKETS) == (600, 402)
    huge = target_size((9000, 7000), twice, ())
    assert huge[0] * huge[1] <= MAX_PIXELS
    assert huge[0] / huge[1] == pytest.approx(9 / 7, rel=0.001)


def test_strength_goes_from_the_picture_itself_to_the_model(networks: dict[str, Network]) -> None:
    rgb = drawing(90, 70)
    size = (180, 140)
    none, half, full = (
        enlarge(Layers(rgb), size, strength, networks["2x"]).rgb.astype(int)
        for strength in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(none, to_size(rgb, size))
    assert np.array_equal(full, networks["2x"].enlarge(rgb))
    assert np.abs(half - (none + full) / 2).max() <= 0.5
    assert np.abs(full - none).max() > 5


@pytest.mark.parametrize("name", ["lanczos", "2x"])
def test_hidden_colours_do_not_bleed(
    tmp_path: Path, networks: dict[str, Network], name: str
) -> None:
    path = picture(tmp_path / "a.png", disc())
    settings = EnhanceSettings(upscaler=name, fit="factor", factor=2.0)
    network = networks.get(name)
    result = improve(path, (192, 192), settings, network=network, curve=None)
    assert result.shape == (192, 192, 4)
    alpha = result[..., 3]
    assert alpha[96, 96] >= 240
    assert alpha[2, 2] <= 15
    shape = to_size(disc()[..., 3:].repeat(3, axis=2), (192, 192))[..., 0].astype(int)
    assert np.abs(alpha - shape).mean() < 6
    seen = result[..., :3][alpha > 60].astype(int)
    lost = np.abs(seen - SKIN).max(axis=0)
    assert lost.max() < (12 if network is None else 40)
    assert (seen[:, 1] <= seen[:, 0] + 15).all(), "no green at the edge, whatever the model does"


def test_white_is_laid_below_where_that_is_wanted(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", disc())
    settings = EnhanceSettings(fit="factor", factor=2.0, alpha="white")
    result = improve(path, (192, 192), settings, network=None, curve=None)
    assert result.shape == (192, 192, 3)
    assert (result[0, 0] == 255).all()
    saved = tmp_path / "b.png"
    write_png(saved, result)
    assert np.array_equal(load_rgb(saved), result)


def test_layers_come_apart_and_together_again(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", disc())
    layers = read_layers(path, keep_alpha=True)
    assert layers.alpha is not None
    assert np.array_equal(layers.alpha, load_alpha(path))
    bare = colours(layers)
    solid = layers.alpha > 40
    assert np.abs(bare[solid].astype(int) - SKIN).max() <= 4
    assert (bare[layers.alpha == 0] == 255).all()
    opaque = picture(tmp_path / "b.png", drawing(30, 20))
    assert read_layers(opaque, keep_alpha=True).alpha is None


def test_a_picture_too_large_for_a_model_is_refused_before_it_is_tried(
    tmp_path: Path, networks: dict[str, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 MP times 4 would be 480 MP of result: a sentence, and not the end of the memory."""
    assert 6000 * 5000 * 2**2 < upscale.MAX_INSIDE < 6000 * 5000 * 4**2
    monkeypatch.setattr(upscale, "MAX_INSIDE", 1_000_000)
    path, size = picture(tmp_path / "large.png", drawing(300, 240)), (300, 240)
    settings = EnhanceSettings(upscaler="model")
    seen = networks["4x"].seen
    with pytest.raises(ImageError, match=r"large\.png is too large for 4x-Tiny\.pth: 300 × 240 px"):
        improve(path, size, settings, network=networks["4x"], curve=None)
    assert networks["4x"].seen == seen
    assert improve(path, size, settings, network=networks["2x"], curve=None).shape == (240, 300, 3)
    assert improve(path, (600, 480), settings, network=None, curve=None).shape == (480, 600, 3)


def test_what_is_computed_in_floats_stays_small() -> None:
    """Blending and dividing by alpha go by strips: the results, and little beside them."""
    before = np.full((3000, 2000, 3), 100, dtype=np.uint8)
    after = np.full_like(before, 200)
    tracemalloc.start()
    mixed = blend(before, after, 0.25)
    peak = tracemalloc.get_traced_memory()[1]
    assert peak < 1.5 * mixed.nbytes
    tracemalloc.reset_peak()
    bare = colours(Layers(before, np.full((3000, 2000), 200, dtype=np.uint8)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (mixed == 125).all()
    assert (bare == 128).all()
    assert peak < 2.7 * mixed.nbytes
