"""Model families: how each loads its checkpoints, encodes prompts and names its layers.

Nothing here needs torch until a model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.families import shapes
from lorabake.engine.families.family import AUTO, FAMILIES, Family
from lorabake.engine.families.folder import read_config
from lorabake.engine.families.sgm_names import VAE_PREFIX

if TYPE_CHECKING:
    import torch

    from lorabake.engine.families.model import Model

__all__ = ["FAMILIES", "Family", "has_vae", "load_model", "model_config", "model_pixel_multiple"]


def load_model(
    base: Path,
    *,
    family: str = AUTO,
    prediction: str = AUTO,
    zero_terminal_snr: str = AUTO,
    vae: Path | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    parts: tuple[str, ...] | None = None,
) -> Model:
    """Load a checkpoint (single file or diffusers folder), offline, frozen and ready to use.

    family, prediction, zero_terminal_snr: "auto" believes the file; "sdxl" or "sd15", "epsilon"
    or "v", "on" or "off" overrule it.
    vae: another VAE instead of the checkpoint's own (single file or folder).
    dtype: of the U-Net and the text encoders, fp32 when None. vae_dtype: fp32 when None.
    parts: what to load, everything when None; leave out what is not needed.
    Raises ModelFileError for everything that is not a complete SD 1.5 or SDXL model.
    """
    from lorabake.engine.families import loading

    return loading.load(
        base,
        loading.Wanted(family, prediction, zero_terminal_snr),
        vae=vae,
        device=device,
        dtype=dtype,
        vae_dtype=vae_dtype,
        parts=parts,
    )


def model_config(base: Path, part: str, family: str) -> dict[str, Any]:
    """The config of one part ("unet", …, "scheduler") of a single file or a folder."""
    if not base.is_dir():
        return shapes.part_config(read_header(base), part, base.name, family)
    config = read_config(base / part, part)
    if part == "scheduler":
        return shapes.shipped_config(part, family) | config
    if part == "vae":
        config.setdefault("scaling_factor", FAMILIES[family].scaling_factor)
    return config


def model_pixel_multiple(base: Path, family: str = AUTO) -> int:
    """What the sides of pictures for a model must be multiples of: 64 for SD 1.5, 32 for SDXL.

    A U-Net halves the latents once less than it has levels, and the VAE makes one of 8 pixels. A
    file without a VAE is used with another one, which is as the family's own.
    """
    from lorabake.engine.identify import require_base  # which needs this package

    found = require_base(base, family).family
    assert found is not None
    unet = model_config(base, "unet", found)
    vae = model_config(base, "vae", found) if has_vae(base) else shapes.shipped_config("vae", found)
    levels = [len(config["block_out_channels"]) for config in (vae, unet)]
    return int(2 ** sum(level - 1 for level in levels))


def has_vae(base: Path) -> bool:
    """Does a checkpoint bring its own VAE?"""
    if base.is_dir():
        return (base / "vae").is_dir()
    return any(name.startswith(VAE_PREFIX) for name in read_header(base).tensors)
