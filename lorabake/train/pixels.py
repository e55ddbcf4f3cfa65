"""From a picture's file to the pixels one step sees: resized, cut, coloured, mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lorabake.core.image import RGB, load_rgb, resize_cover
from lorabake.train.batches import View

if TYPE_CHECKING:
    from lorabake.train.batches import TrainImage


def pixels_of(view: View, rgb: RGB) -> RGB:
    """What a view shows of a picture's own pixels: (bucket height, bucket width, 3) uint8."""
    image = view.image
    cut = resize_cover(rgb, resized=image.resized, bucket=image.bucket, corner=view.corner)
    if view.hue:
        cut = with_hue(cut, view.hue)
    if view.gamma != 1.0:
        cut = with_gamma(cut, view.gamma)
    return np.ascontiguousarray(cut[:, ::-1]) if view.flipped else cut


def load_pixels(image: TrainImage) -> RGB:
    """A picture's own pixels, transparent parts on the recipe's matte."""
    return load_rgb(image.path, image.augment.matte)


def with_hue(rgb: RGB, degrees: float) -> RGB:
    """Every colour turned on the colour wheel; brightness (HSV value) and saturation stay."""
    from PIL import Image

    hsv = np.array(Image.fromarray(rgb).convert("HSV"))
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(degrees * 256 / 360)) % 256
    return np.array(Image.fromarray(hsv, "HSV").convert("RGB"))


def with_gamma(rgb: RGB, gamma: float) -> RGB:
    """255·(x/255)^γ: above 1 is darker. (The guide's trainer takes x^γ of 0..255, which burns out.)"""
    table = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return table[rgb]
