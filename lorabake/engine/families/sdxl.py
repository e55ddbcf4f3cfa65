"""SDXL and everything made from it (Pony, Illustrious, NoobAI …), whatever its size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.families import shapes
from lorabake.engine.families.folder import read_config
from lorabake.engine.families.sgm_names import sgm_names, text_model_name

if TYPE_CHECKING:
    import torch

    from lorabake.engine.families.model import Model

__all__ = ["load_model", "model_config", "model_pixel_multiple", "sgm_names", "text_model_name"]

PARTS = ("unet", "text_encoder", "text_encoder_2", "vae")


def load_model(
    base: Path,
    *,
    vae: Path | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    parts: tuple[str, ...] = PARTS,
) -> Model:
    """Load a checkpoint (single file or diffusers folder), offline, frozen and ready to use.

    vae: another VAE instead of the checkpoint's own (single file or folder).
    dtype: of the U-Net and the text encoders, fp32 when None. vae_dtype: fp32 when None.
    parts: what to load; leave out what is not needed.
    Raises ModelFileError for everything that is not a complete SDXL model.
    """
    from lorabake.engine.families import loading

    return loading.load(base, vae, device=device, dtype=dtype, vae_dtype=vae_dtype, parts=parts)


def model_config(base: Path, part: str) -> dict[str, Any]:
    """The config of one part ("unet", …, "scheduler") of a single file or a folder. Torch-free."""
    if not base.is_dir():
        return shapes.part_config(read_header(base), part, base.name)
    config = read_config(base / part, part)
    if part == "scheduler":
        return shapes.shipped_config(part) | config
    if part == "vae":
        config.setdefault("scaling_factor", shapes.shipped_config(part)["scaling_factor"])
    return config


def model_pixel_multiple(base: Path) -> int:
    """What the sides of pictures for a model must be multiples of: 32 for SDXL. Torch-free."""
    levels = [len(model_config(base, part)["block_out_channels"]) for part in ("vae", "unet")]
    return int(2 ** sum(level - 1 for level in levels))
