"""Painting over a signature or a watermark: OpenCV's inpainting, or a model of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from lorabake.core.dataset import DatasetImage
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome
from lorabake.core.workspace import Workspace
from lorabake.curate.applying import layers, replace_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TELEA, NS = "telea", "ns"
METHODS: Final = (TELEA, NS)
MODELS: Final = "inpainting"  # folder in the workspace's models/
RADIUS: Final = 3  # px around each missing one that it is painted from
_MARGIN: Final = 32  # px around the mask that OpenCV sees
_LARGEST: Final = 0.5  # share of a picture; of more, nothing is left to paint from


def inpaint_models(workspace: Workspace) -> list[Path]:
    """Files in `models/inpainting/` that may be used."""
    folder = workspace.models_dir / MODELS
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.suffix.lower() in (".pth", ".safetensors")]


def erase(path: Path, mask: NDArray[np.bool_], method: str = TELEA) -> NDArray[np.uint8]:
    """The picture with what the mask covers painted over, (H, W, 3), or 4 with transparency.

    mask: (H, W) of the upright picture. method: "telea" (smooth), "ns" (lines go on), or the path
    of an inpainting model (.pth or .safetensors).
    """
    pixels = layers(path)
    _check(mask, pixels.shape)
    if method in METHODS:
        painted = _by_opencv(pixels[:, :, :3], mask, method)
    else:
        from lorabake.engine.inpaint import inpaint_apart

        painted = inpaint_apart(Path(method), pixels[:, :, :3], mask)
    pixels[mask, :3] = painted[mask]
    return pixels


def erase_in(
    root: Path, image: DatasetImage, mask: NDArray[np.bool_], method: str = TELEA
) -> Outcome:
    """The same, put in the picture's place as one step; the original goes to `.originals/`."""
    return replace_pixels(
        root, image, erase(image.path, mask, method), f"Paint over {image.path.name}"
    )


def mask_from_boxes(
    boxes: list[tuple[int, int, int, int]], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Boxes (left, top, width, height), px, as a mask (H, W). size: (width, height)."""
    import numpy as np

    mask = np.zeros((size[1], size[0]), dtype=bool)
    for left, top, width, height in boxes:
        mask[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = True
    return mask


def _check(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
    if mask.shape != shape[:2]:
        raise DatasetError("The picture was changed since you painted on it. Open it again.")
    share = float(mask.mean())
    if not share:
        raise DatasetError("Nothing is marked. Paint over the signature or watermark first.")
    if share > _LARGEST:
        raise DatasetError("More than half of the picture is marked. Mark less, or cut it off.")


def _by_opencv(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], method: str) -> NDArray[np.uint8]:
    """Only the surroundings of the mask are looked at: time is for pixels that matter."""
    import cv2
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    here = (
        slice(max(0, int(rows[0]) - _MARGIN), int(rows[-1]) + 1 + _MARGIN),
        slice(max(0, int(columns[0]) - _MARGIN), int(columns[-1]) + 1 + _MARGIN),
    )
    how = cv2.INPAINT_TELEA if method == TELEA else cv2.INPAINT_NS
    painted = rgb.copy()
    painted[here] = cv2.inpaint(
        np.ascontiguousarray(rgb[here]), mask[here].astype(np.uint8), RADIUS, how
    )
    return painted
