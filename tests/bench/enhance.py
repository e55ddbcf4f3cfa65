"""Improving a picture beside the bare library: tiles against one go, and Lanczos against Pillow.

`python -m tests.bench.enhance [ROUNDS] [FILTERS]`. The network has the shape of an ESRGAN with fewer
filters and blocks and random weights, so that a picture takes seconds on a processor; what tiles cost
beside one go does not depend on that. The sides take turns, and the ratio of each pair counts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lorabake.engine.device import find_device
from lorabake.enhance.network import load_network
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.tiles import pixels_seen
from lorabake.enhance.upscale import improve, write_png
from tests.enhance.models import drawing, save_pth, tiny_esrgan

WIDTH, HEIGHT = 832, 1216  # px, about a megapixel
ROUNDS, FILTERS = 3, 16


def pairs(
    ours: Callable[[], object], bare: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Seconds of the pair whose ratio is the middle one. Both ran before, to warm up."""
    timed = []
    for _ in range(rounds):
        began = time.perf_counter()
        ours()
        middle = time.perf_counter()
        bare()
        timed.append((middle - began, time.perf_counter() - middle))
    ratio = statistics.median_low(one / other for one, other in timed)
    return next(pair for pair in timed if pair[0] / pair[1] == ratio)


def tiled_and_whole(folder: Path, rounds: int, filters: int) -> tuple[float, float, float]:
    """Seconds in tiles, and in one go by spandrel alone; and pixels seen ÷ pixels there are."""
    path = save_pth(tiny_esrgan(2, filters=filters), folder / "2x.pth")
    network = load_network(path, find_device())
    rgb = drawing(WIDTH, HEIGHT)
    dtype = torch.float16 if network.half else torch.float32

    def whole() -> np.ndarray:
        values = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            made = network.model(values.to(network.device.kind, dtype))
        return (made[0].float().cpu().permute(1, 2, 0) * 255).round().byte().numpy()

    apart = np.abs(network.enlarge(rgb).astype(int) - whole()).max()
    assert apart <= (1 if not network.half else 4), f"tiles and one go are {apart}/255 apart"
    ours, bare = pairs(lambda: network.enlarge(rgb), whole, rounds)
    return ours, bare, pixels_seen(WIDTH, HEIGHT, network.tiling) / (WIDTH * HEIGHT)


def lanczos_and_pillow(folder: Path, rounds: int) -> tuple[float, float]:
    """Seconds to read, enlarge twice and write a PNG: ours (a process of its own decodes), and Pillow."""
    source, target = folder / "a.png", folder / "b.png"
    Image.fromarray(drawing(WIDTH, HEIGHT)).save(source)
    size, settings = (2 * WIDTH, 2 * HEIGHT), EnhanceSettings()

    def ours() -> None:
        write_png(target, improve(source, size, settings, network=None, curve=None))

    def pillow() -> None:
        picture = Image.open(source).convert("RGB").resize(size, Image.Resampling.LANCZOS)
        picture.save(target, compress_level=4)

    ours()
    pillow()
    return pairs(ours, pillow, rounds)


def main() -> None:
    numbers = [int(text) for text in sys.argv[1:3]]
    rounds, filters = (*numbers, *(ROUNDS, FILTERS)[len(numbers) :])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiled, whole, seen = tiled_and_whole(folder, rounds, filters)
        print(f"in tiles {tiled:.2f} s, in one go {whole:.2f} s: {tiled / whole:.2f} x", end="; ")
        print(f"pixels seen: {seen:.2f} x", flush=True)
        ours, pillow = lanczos_and_pillow(folder, rounds)
        print(f"Lanczos {ours:.2f} s, Pillow {pillow:.2f} s: {ours / pillow:.2f} x")


if __name__ == "__main__":
    main()
