"""The guide's "Model": what is trained on."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The guide's "Model"."""

    base: str = setting(
        "practice",
        "Base model",
        help="What the LoRA is trained on. The guide: whatever you want to train for, such as "
        "NAI 1.5, PDXL or Illustrious XL. The LoRA works with this model and its relatives "
        "only.",
    )
    vae: str = setting(
        "",
        "External VAE",
        help="What turns pictures into latents and back. The guide: the SDXL VAE for PDXL and "
        "Illustrious. Empty uses the base model's own; one of another family spoils the "
        "colours.",
    )
    family: str = setting(
        "auto",
        "Model family",
        help="Read from the file. Not in the guide. Choose one only if the file is taken for "
        "what it is not; a wrong one does not load.",
        choices=("auto", "sdxl", "sd15"),
        more=True,
    )
    prediction: str = setting(
        "auto",
        "Prediction type",
        help="Read from the file. Not in the guide: its models are all epsilon; v is for NoobAI "
        "v-pred and its relatives. The wrong one ruins the LoRA.",
        choices=("auto", "epsilon", "v"),
        more=True,
    )
    zero_terminal_snr: str = setting(
        "auto",
        "Zero terminal SNR",
        help="Read from the file. Not in the guide. On for models that were trained from pure "
        "noise (NoobAI v-pred); wrong for NAI, Pony and Illustrious.",
        choices=("auto", "on", "off"),
        more=True,
    )
    no_half_vae: bool = setting(
        True,
        "No half VAE",
        help="Keeps the VAE in full precision. The guide: on for PDXL and Illustrious, because "
        "SDXL's own VAE turns pictures black in 16 bit. Off saves a little memory and is "
        "safe for SD 1.5.",
        more=True,
    )
