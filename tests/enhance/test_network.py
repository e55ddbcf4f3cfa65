"""Real networks through spandrel: in tiles, in grey, in half precision, and when memory is short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from spandrel import ModelLoader

from lorabake.core.errors import DeviceError, ModelFileError
from lorabake.engine.device import DeviceInfo
from lorabake.enhance.network import MEASURED, Network, load_network
from lorabake.enhance.tiles import SMALLEST, Tiling
from tests.enhance.models import drawing, save_pth, tiny_esrgan

CPU = DeviceInfo("cpu", "CPU", 0)


def bare(path: Path, rgb: np.ndarray) -> np.ndarray:
    """What spandrel itself gives for the whole picture."""
    values = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        made = ModelLoader("cpu").load_from_file(path).eval()(values)
    return (made[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()


@pytest.mark.parametrize("name", ["1x", "2x", "4x"])
def test_tiled_is_what_spandrel_gives_in_one_go(esrgans: dict[str, Path], name: str) -> None:
    """An ESRGAN of one block sees 19 px around each pixel at most, which is less than the overlap."""
    network = load_network(esrgans[name], CPU)
    assert (network.scale, network.architecture, network.channels) == (int(name[0]), "ESRGAN", 3)
    assert not network.half, "half precision only on a GPU"
    network.tiling = Tiling(SMALLEST)
    rgb = drawing(230, 170)
    tiled, whole = network.enlarge(rgb), bare(esrgans[name], rgb)
    assert tiled.shape == (170 * network.scale, 230 * network.scale, 3)
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_a_wild_network_leaves_no_seam_either(tmp_path: Path) -> None:
    """Random weights amplify what is far away; the overlap still holds all that it sees."""
    path = save_pth(tiny_esrgan(2, faithful=False), tmp_path / "wild.pth")
    network = load_network(path, CPU)
    network.tiling = Tiling(SMALLEST)
    rgb = np.random.default_rng(1).integers(0, 256, (150, 210, 3), dtype=np.uint8)
    assert np.abs(network.enlarge(rgb).astype(int) - bare(path, rgb)).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (2000, 1), (3, 7)])
def test_any_size_goes_through(esrgans: dict[str, Path], size: tuple[int, int]) -> None:
    rgb = drawing(*size)
    assert load_network(esrgans["2x"], CPU).enlarge(rgb).shape == (size[1] * 2, size[0] * 2, 3)


def test_a_grey_model_leaves_the_colours(tmp_path: Path) -> None:
    path = save_pth(tiny_esrgan(2, channels=1), tmp_path / "2x-Manga.pth")
    network = load_network(path, CPU)
    assert network.channels == 1
    rgb = np.zeros((40, 60, 3), dtype=np.uint8)
    rgb[:, :30], rgb[:, 30:] = (200, 60, 60), (60, 60, 200)
    result = network.enlarge(rgb).astype(int)
    assert np.abs(result[20:60, 20:40] - (200, 60, 60)).max() <= 30
    assert np.abs(result[20:60, 80:100] - (60, 60, 200)).max() <= 30


class Short:
    """A model on a device that cannot hold more than so many pixels at once."""

    def __init__(self, model: object, pixels: int) -> None:
        self.model, self.pixels = model, pixels

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        if values.shape[2] * values.shape[3] > self.pixels:
            raise torch.OutOfMemoryError("out of memory")
        return self.model(values)  # type: ignore[operator,no-any-return]


def short(path: Path, pixels: int) -> Network:
    network = load_network(path, CPU)
    network.model = Short(network.model, pixels)
    return network


def test_smaller_tiles_are_taken_when_memory_is_short(esrgans: dict[str, Path]) -> None:
    rgb = drawing(300, 220)
    network = short(esrgans["2x"], 150 * 150)
    result = network.enlarge(rgb)
    assert SMALLEST <= network.tiling.size <= 150
    assert np.abs(result.astype(int) - bare(esrgans["2x"], rgb)).max() <= 1
    with pytest.raises(DeviceError, match="too little free memory for 2x-Tiny"):
        short(esrgans["2x"], 10).enlarge(rgb)


def test_a_model_that_fails_is_a_sentence(esrgans: dict[str, Path]) -> None:
    network = load_network(esrgans["2x"], CPU)

    def failing(values: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("expected 64 channels\nand a long trace")

    network.model = failing
    with pytest.raises(ModelFileError, match=r"could not be run \(expected 64 channels\)"):
        network.enlarge(drawing(40, 40))
    network.model = lambda values: values[:, :, ::2]
    with pytest.raises(ModelFileError, match="unexpected size"):
        network.enlarge(drawing(40, 40))


def test_what_half_precision_cannot_hold_is_done_again_in_full(esrgans: dict[str, Path]) -> None:
    network = load_network(esrgans["2x"], CPU)
    kept, calls = network.model, []

    class Overflowing:
        def __call__(self, values: torch.Tensor) -> torch.Tensor:
            calls.append(values.dtype)
            if values.dtype == torch.float16:
                return torch.full((1, 3, values.shape[2] * 2, values.shape[3] * 2), torch.nan)
            made: torch.Tensor = kept(values)
            return made

        def float(self) -> None:
            pass

    network.model, network.half = Overflowing(), True
    rgb = drawing(40, 30)
    assert np.abs(network.enlarge(rgb).astype(int) - bare(esrgans["2x"], rgb)).max() <= 1
    assert calls == [torch.float16, torch.float32]
    assert not network.half


def test_a_pace_is_measured_and_told(esrgans: dict[str, Path]) -> None:
    network = load_network(esrgans["4x"], CPU, name="Sharp")
    pace = network.measure()
    assert (pace.scale, pace.architecture, pace.device, pace.half) == (4, "ESRGAN", "CPU", False)
    assert 0 < pace.seconds < 600
    assert network.seen == pytest.approx(MEASURED * MEASURED / 1e6)


@pytest.mark.gpu
def test_on_a_gpu_in_half_precision(esrgans: dict[str, Path]) -> None:
    card = DeviceInfo("cuda", "GPU", 0)
    network = load_network(esrgans["2x"], card)
    assert network.half
    rgb = drawing(700, 300)
    assert np.abs(network.enlarge(rgb).astype(int) - bare(esrgans["2x"], rgb)).max() <= 4
