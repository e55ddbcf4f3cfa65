"""Which parts of a picture are learned: white counts, black does not.

A mask is the picture's own alpha channel, or the red of a picture of the same name in the folder of
masks. It is resized, cut and mirrored exactly like its picture, then averaged down to latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from lorabake.core.image import RGB, is_picture_name, load_alpha, load_rgb
from lorabake.core.names import name_key
from lorabake.train.batches import TrainImage, View
from lorabake.train.pixels import pixels_of


class Masks:
    """Masks by view. kind: "off", "alpha" or "folder". factor: px per latent, mostly 8."""

    def __init__(self, kind: str, factor: int) -> None:
        self.kind = kind
        self._factor = factor
        self._folders: dict[Path, dict[str, Path]] = {}
        self._kept: dict[View, Tensor] = {}

    def of(self, views: Iterable[View]) -> Tensor | None:
        """(B, 1, h, w) from 0 to 1 for pictures of one bucket; None when masks are off."""
        if self.kind == "off":
            return None
        return torch.stack([self._mask(view) for view in views]).unsqueeze(1)

    def missing(self, images: Iterable[TrainImage]) -> list[Path]:
        """The pictures without a mask in a folder, which are learned whole."""
        if self.kind != "folder":
            return []
        return [image.path for image in images if self._file(image) is None]

    def _mask(self, view: View) -> Tensor:
        if view.corner is not None:
            return self._make(view)
        seen = View(view.image, view.flipped)  # colours do not matter
        if seen not in self._kept:
            self._kept[seen] = self._make(seen)
        return self._kept[seen]

    def _make(self, view: View) -> Tensor:
        width, height = (side // self._factor for side in view.image.bucket)
        load = self._loader(view.image)
        if load is None:
            return torch.ones(height, width)
        plain = View(view.image, view.flipped, view.corner)
        full = torch.from_numpy(pixels_of(plain, load())[:, :, 0].astype(np.float32) / 255)
        small: Tensor = adaptive_avg_pool2d(full[None, None], (height, width))[0, 0]
        return small

    def _loader(self, image: TrainImage) -> Callable[[], RGB] | None:
        if self.kind == "alpha":
            return lambda: load_alpha(image.path)[:, :, None].repeat(3, axis=2)
        file = self._file(image)
        return None if file is None else lambda: load_rgb(file)

    def _file(self, image: TrainImage) -> Path | None:
        if image.masks is None:
            return None
        if image.masks not in self._folders:
            self._folders[image.masks] = {
                name_key(path.stem): path
                for path in sorted(image.masks.iterdir())
                if is_picture_name(path.name)
            }
        return self._folders[image.masks].get(name_key(image.path.stem))


def missing_note(missing: list[Path]) -> str:
    """One sentence about pictures without a mask; "" when there are none."""
    if not missing:
        return ""
    others = f" and {len(missing) - 1} others have" if len(missing) > 1 else " has"
    return (
        f"{missing[0].name}{others} no mask of the same name in the folder of masks, so every part "
        "of the picture is learned. Add a mask to leave something out."
    )
