"""Painting over parts of a picture with an inpainting model that spandrel reads (such as LaMa).

The page must stay light, and a model file is from a stranger: it is loaded in a process of its own,
`python -m lorabake.engine.inpaint FOLDER`, which reads the picture and the mask from that folder
and leaves the result, or one sentence, in it. A `.pth` goes through spandrel's restricted unpickler.
"""

# H W px of the picture, h w px of the part that the model sees

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lorabake.core.errors import DatasetError, LorabakeError, ModelFileError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.image import RGB, shrink
from lorabake.core.names import shown
from lorabake.core.process import end_process, start_detached, wait_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

SUFFIXES: Final = (".pth", ".safetensors")
SECONDS: Final = 300.0  # for one picture, loading included
SEEN: Final = 1024  # px: the longest side that the model is shown
_CONTEXT: Final = 96  # px around the mask, at least; and as much again as the mask is large


def inpaint_apart(model: Path, rgb: RGB, mask: Mask) -> RGB:
    """The picture (H, W, 3) with what the mask (H, W) covers painted over, by a child process.

    ModelFileError with the reason when the file is no inpainting model.
    """
    _check_name(model)
    with tempfile.TemporaryDirectory(prefix="lorabake-inpaint-") as name:
        folder = Path(name)
        np.savez(folder / "in.npz", rgb=rgb, mask=mask)
        atomic_write_json(folder / "in.json", {"model": str(model.absolute())})
        argv = [sys.executable, "-m", "lorabake.engine.inpaint", str(folder)]
        child = start_detached(argv, log=folder / "log.txt")
        try:
            code = wait_for(child, SECONDS)
        finally:
            if child.poll() is None:
                end_process(child.pid, force=True)
                child.wait()
        if (folder / "error.json").exists():
            raise ModelFileError(str(read_json(folder / "error.json")))
        if code is None:
            raise DatasetError(
                f"{shown(model.name)} took longer than {SECONDS / 60:.0f} minutes. "
                "Mark less, or choose one of the built-in methods."
            )
        result = folder / "out.npy"
        if code or not result.exists():
            raise ModelFileError(
                f"{shown(model.name)} could not be used: its process ended early, probably for lack "
                "of memory. Mark less, or choose one of the built-in methods."
            )
        painted: RGB = np.load(result, allow_pickle=False)
        return painted


def inpaint(model: Path, rgb: RGB, mask: Mask) -> RGB:
    """The same in this process, which loads torch."""
    descriptor = _load(model)
    here = _part(mask)
    part, part_mask = rgb[here], mask[here]
    painted = rgb.copy()
    painted[here] = _run(descriptor, part, part_mask)
    # Pixels outside of the mask stay to the last bit, whatever the model made of them.
    painted[~mask] = rgb[~mask]
    return painted


def _check_name(model: Path) -> None:
    if model.suffix.lower() not in SUFFIXES:
        raise ModelFileError(
            f"{shown(model.name)} is not read, because such files can run programs. "
            "Use a .safetensors or .pth file."
        )
    if not model.is_file():
        raise ModelFileError(f"{shown(model.name)} is not there any more. Choose another model.")


def _load(model: Path) -> Any:
    from spandrel import MaskedImageModelDescriptor

    from lorabake.engine.device import find_device
    from lorabake.engine.picture_model import open_picture_model

    _check_name(model)
    descriptor = open_picture_model(
        model,
        device=find_device().kind,
        wanted="Use a LaMa file, or choose one of the built-in methods.",
    )
    if not isinstance(descriptor, MaskedImageModelDescriptor):
        raise ModelFileError(
            f"{shown(model.name)} does not paint over what is marked. It may be an upscaler: put it "
            "into models/upscalers, and use a LaMa file here."
        )
    return descriptor.eval()


def _part(mask: Mask) -> tuple[slice, slice]:
    """What the model sees: the mask and its surroundings."""
    slices = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        first, end = int(places[0]), int(places[-1]) + 1
        around = max(_CONTEXT, end - first)
        slices.append(slice(max(0, first - around), min(mask.shape[1 - axis], end + around)))
    return slices[0], slices[1]


def _run(descriptor: Any, rgb: RGB, mask: Mask) -> RGB:
    """rgb: (h, w, 3), mask: (h, w); shrunk to SEEN px for the model when it is larger."""
    import torch
    from PIL import Image

    height, width = mask.shape
    scale = min(1.0, SEEN / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small, small_mask = rgb, mask
    if scale < 1:
        small = shrink(rgb, *size)
        # Every pixel that holds a marked one counts, or thin lines would get lost.
        small_mask = (
            shrink(np.repeat(mask[:, :, None] * np.uint8(255), 3, axis=2), *size)[..., 0] > 0
        )
    image = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float() / 255
    hole = torch.from_numpy(np.ascontiguousarray(small_mask))[None, None].float()
    with torch.inference_mode():
        made = descriptor(image.to(descriptor.device), hole.to(descriptor.device))  # (1, 3, h, w)
    values = (made[0].float().cpu().permute(1, 2, 0) * 255).round().clamp(0, 255)
    pixels: RGB = values.to(torch.uint8).numpy()
    if scale < 1:
        pixels = np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return pixels


def main(folder: Path) -> int:
    wanted: Any = read_json(folder / "in.json")
    try:
        with np.load(folder / "in.npz", allow_pickle=False) as given:
            result = inpaint(Path(wanted["model"]), given["rgb"], given["mask"])
    except LorabakeError as error:
        atomic_write_json(folder / "error.json", str(error))
        return 1
    np.save(folder / "out.npy", result)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
