"""An upscaling network, opened through spandrel. Only the processes of a job or a trial load this."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DeviceError, ModelFileError
from lorabake.core.image import MAX_SIDE
from lorabake.core.names import shown
from lorabake.engine.device import DeviceInfo
from lorabake.engine.picture_model import open_picture_model
from lorabake.enhance.estimate import Pace
from lorabake.enhance.models import check_file
from lorabake.enhance.tiles import SMALLEST, Tiling, run_tiled

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# px a side of a tile, by kind of device; halved when memory runs out
_TILE = {"cuda": 512, "mps": 256, "cpu": 256}
_TRY_WHOLE = {"cuda": 2048, "mps": 1024, "cpu": 1024}  # for models that should see much at once

MEASURED = (
    192  # px a side of what shows a pace: large enough to be believed, quick enough to wait for
)
_WARM_UP = 32  # px


class NoMemory(Exception):
    """The device cannot hold a tile of this size."""


@dataclass
class Network:
    """A model that turns pictures into pictures.

    scale: how many times as wide and high; channels: 3, or 1 for grey. tiling changes when memory
    turns out to be short. seen: megapixels that went through it, in `spent` seconds.
    """

    name: str
    architecture: str
    scale: int
    channels: int
    half: bool
    device: DeviceInfo
    tiling: Tiling
    model: Any
    seen: float = 0.0
    spent: float = 0.0

    def enlarge(
        self, rgb: NDArray[np.uint8], on_tile: Callable[[], None] = lambda: None
    ) -> NDArray[np.uint8]:
        """(H, W, 3) → (H × scale, W × scale, 3). Smaller tiles are tried when memory runs out."""
        while True:
            try:
                return run_tiled(
                    self._run, rgb, scale=self.scale, tiling=self.tiling, on_tile=on_tile
                )
            except NoMemory:
                seen = min(self.tiling.size, max(rgb.shape[:2]))
                smaller = Tiling(max(SMALLEST, seen // 2))
                if smaller.size >= seen:
                    raise DeviceError(
                        f"{self.device.name} has too little free memory for {shown(self.name)}. "
                        "Close other programs, or choose a smaller model."
                    ) from None
                self.tiling = smaller

    def _run(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile, (h, w, 3) from 0 to 1; in full precision again where half was not enough."""
        import numpy as np

        began = time.monotonic()
        given = self._call(tile)
        if self.half and not np.isfinite(given).all():
            self.half = False
            self.model.float()
            given = self._call(tile)
        self.seen += tile.shape[0] * tile.shape[1] / 1e6
        self.spent += time.monotonic() - began
        return np.nan_to_num(given, nan=0.0, posinf=1.0, neginf=0.0)

    def measure(self) -> Pace:
        """Its pace, from a tile that nobody needs; the first call only sets it up."""
        import numpy as np

        grey = np.full((MEASURED, MEASURED, 3), 128, dtype=np.uint8)
        self.enlarge(grey[:_WARM_UP, :_WARM_UP])
        self.seen = self.spent = 0.0
        self.enlarge(grey)
        return self.pace

    @property
    def pace(self) -> Pace:
        """What it has shown so far."""
        seconds = round(self.spent / max(self.seen, 1e-6), 4)
        tile = min(self.tiling.size, MAX_SIDE)
        return Pace(
            self.scale, self.architecture, max(seconds, 1e-4), tile, self.device.name, self.half
        )

    def _call(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        colours = torch.from_numpy(tile).permute(2, 0, 1)[None]  # (1, 3, h, w)
        values = _grey(colours) if self.channels == 1 else colours
        dtype = torch.float16 if self.half else torch.float32
        try:
            with torch.inference_mode():
                moved = values.to(self.device.kind, dtype)
                result: torch.Tensor = self.model(moved).float().cpu()
        except RuntimeError as error:
            if _is_memory(error):
                _release(self.device.kind)
                raise NoMemory from None
            raise ModelFileError(
                f"{shown(self.name)} could not be run ({str(error).splitlines()[0][:200]}). "
                "Choose another model."
            ) from error
        if result.shape[2:] != (tile.shape[0] * self.scale, tile.shape[1] * self.scale):
            raise ModelFileError(
                f"{shown(self.name)} gives pictures of an unexpected size. Choose another model."
            )
        if result.shape[1] == 1:  # it knows brightness only: the colours are the picture's own
            tint = torch.nn.functional.interpolate(
                colours - _grey(colours), scale_factor=self.scale, mode="bilinear"
            )
            result = (result + tint).clamp(0, 1)
        given: NDArray[np.float32] = result[0, :3].permute(1, 2, 0).numpy()
        return given


def load_network(path: Path, device: DeviceInfo, *, name: str = "") -> Network:
    """Open a file through spandrel: `.pth` by its restricted unpickler, or `.safetensors`.

    Raises ModelFileError for what it does not know, and for models of another purpose.
    """
    check_file(path)
    name = name or path.name
    import torch

    torch.set_flush_denormal(True)
    model = open_picture_model(path, wanted="Choose a model for upscaling, such as an ESRGAN.")
    from spandrel import ImageModelDescriptor, ModelTiling

    if not isinstance(model, ImageModelDescriptor):
        raise ModelFileError(
            f"{shown(name)} paints over parts of a picture instead of improving it. It belongs "
            "into models/inpainting, for Curating."
        )
    if model.input_channels not in (1, 3) or model.output_channels not in (1, 3):
        raise ModelFileError(
            f"{shown(name)} wants pictures with {model.input_channels} channels, not RGB. "
            "Choose another model."
        )
    half = device.kind == "cuda" and model.supports_half
    model.model.requires_grad_(False)
    model.eval()
    try:
        model.to(torch.device(device.kind), torch.float16 if half else torch.float32)
    except RuntimeError as error:
        if not _is_memory(error):
            raise
        raise DeviceError(
            f"{device.name} has too little free memory for {shown(name)}. Close other programs, "
            "or choose a smaller model."
        ) from error
    size = _TILE[device.kind]
    if model.tiling == ModelTiling.INTERNAL:
        size = MAX_SIDE  # not cut at all
    elif model.tiling == ModelTiling.DISCOURAGED:
        size = _TRY_WHOLE[device.kind]
    return Network(
        name=name,
        architecture=str(model.architecture.name),
        scale=int(model.scale),
        channels=int(model.input_channels),
        half=half,
        device=device,
        tiling=Tiling(size),
        model=model,
    )


def _grey(colours: torch.Tensor) -> torch.Tensor:
    """Brightness (BT.601) of (1, 3, h, w): (1, 1, h, w)."""
    return (colours * colours.new_tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)).sum(1, True)


def _is_memory(error: RuntimeError) -> bool:
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "memory" in text


def _release(kind: str) -> None:
    import torch

    if kind == "cuda":
        torch.cuda.empty_cache()
