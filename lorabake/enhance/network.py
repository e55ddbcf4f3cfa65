"""An upscaling network, opened through spandrel. Only the processes of a job or a trial load this."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DeviceError, ModelFileError
from lorabake.core.names import shown
from lorabake.engine.device import DeviceInfo
from lorabake.enhance.estimate import Pace
from lorabake.enhance.models import check_file
from lorabake.enhance.needs import MAX_SIDE
from lorabake.enhance.tiles import SMALLEST, Tiling, run_tiled

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# px a side of a tile, by kind of device; halved when memory runs out
_TILE = {"cuda": 512, "mps": 256, "cpu": 256}
_TRY_WHOLE = {"cuda": 2048, "mps": 1024, "cpu": 1024}  # for models that should see much at once


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

    @property
    def pace(self) -> Pace:
        """What it has shown so far."""
        seconds = round(self.spent / max(self.seen, 1e-6), 4)
        tile = min(self.tiling.size, MAX_SIDE)
        return Pace(
            self.scale, self.architecture, max(seconds, 1e-4), tile, self.device.name, self.half
        )

    def _call(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np
        import torch

        values = torch.from_numpy(tile).permute(2, 0, 1)[None]
        if self.channels == 1:
            weights = torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)
            values = (values * weights).sum(dim=1, keepdim=True)
        dtype = torch.float16 if self.half else torch.float32
        try:
            with torch.inference_mode():
                moved = values.to(self.device.kind, dtype)
                result: torch.Tensor = self.model(moved)[0].float().cpu()
        except RuntimeError as error:
            if _is_memory(error):
                _release(self.device.kind)
                raise NoMemory from None
            raise ModelFileError(
                f"{shown(self.name)} could not be run ({str(error).splitlines()[0][:200]}). "
                "Choose another model."
            ) from error
        given = result.permute(1, 2, 0).numpy()
        return np.repeat(given, 3, axis=2) if given.shape[2] == 1 else given[:, :, :3]


def load_network(path: Path, device: DeviceInfo, *, name: str = "") -> Network:
    """Open a file through spandrel: `.pth` by its restricted unpickler, or `.safetensors`.

    Raises ModelFileError for what it does not know, and for models of another purpose.
    """
    check_file(path)
    name = name or path.name
    import torch

    torch.set_flush_denormal(True)
    model = _opened(path)
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


def _opened(path: Path) -> Any:
    """What spandrel makes of the file; every way to fail is one sentence."""
    from spandrel import ModelLoader, UnsupportedModelError

    name = shown(path.name)
    try:
        return ModelLoader("cpu").load_from_file(path)
    except UnsupportedModelError as error:
        raise ModelFileError(
            f"{name} is of a design that is not known here. Choose a model for upscaling, such as "
            "an ESRGAN."
        ) from error
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{name} holds more than numbers, so it was not opened. Get the model as .safetensors."
        ) from error
    except MemoryError as error:
        raise DeviceError(f"{name} needs more memory than this computer has.") from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelFileError(
            f"{name} could not be opened ({reason}). Download it again, or choose another model."
        ) from error


def _is_memory(error: RuntimeError) -> bool:
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "memory" in text


def _release(kind: str) -> None:
    import torch

    if kind == "cuda":
        torch.cuda.empty_cache()
