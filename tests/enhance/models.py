"""Tiny upscalers through spandrel's own designs, and pictures to try them on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from spandrel.architectures.ESRGAN import ESRGAN


def tiny_esrgan(
    scale: int = 2, *, seed: int = 1, faithful: bool = True, channels: int = 3, filters: int = 4
) -> ESRGAN:
    """An ESRGAN of one block with random weights. faithful: so small that it gives back its input."""
    torch.manual_seed(seed)
    network = ESRGAN(
        in_nc=channels, out_nc=channels, num_filters=filters, num_blocks=1, scale=scale
    )
    if faithful:
        with torch.no_grad():
            for name, weights in network.named_parameters():
                weights.mul_(0.05)
                if weights.dim() == 4 and not name.startswith("model.1.sub."):
                    _pass_through(weights)  # model.1 adds to what goes past it
    return network.eval()


def _pass_through(weights: torch.Tensor) -> None:
    """The first three channels come through as they are."""
    middle = weights.shape[-1] // 2
    for channel in range(min(3, *weights.shape[:2])):
        weights[channel, channel, middle, middle] += 1.0


def save_pth(network: torch.nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)
    return path


def save_safetensors(network: torch.nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: weights.contiguous() for name, weights in network.state_dict().items()}
    save_file(state, path)
    return path


def drawing(width: int, height: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Flat colours with dark lines, as in a cel; smooth edges."""
    random = np.random.default_rng(seed)
    picture = Image.new(
        "RGB", (width * 2, height * 2), tuple(random.integers(120, 256, 3).tolist())
    )
    pen = ImageDraw.Draw(picture)
    for _ in range(9):
        x, y = random.integers(0, (width * 2, height * 2)).tolist()
        r = int(random.integers(min(width, height) // 6 + 2, min(width, height) // 2 + 4))
        colour = tuple(random.integers(30, 256, 3).tolist())
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline=(20, 15, 25), width=4)
    return np.array(picture.resize((width, height), Image.Resampling.BOX))
