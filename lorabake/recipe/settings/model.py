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
        help="What the LoRA is trained on; use it with the same model or its relatives later.",
    )
    vae: str = setting(
        "",
        "External VAE",
        help="Empty uses the base model's own. The guide: the SDXL VAE for PDXL and Illustrious.",
    )
    family: str = setting(
        "auto",
        "Model family",
        help="Read from the file. Choose one only if the file is taken for what it is not.",
        choices=("auto", "sdxl", "sd15"),
        more=True,
    )
    prediction: str = setting(
        "auto",
        "Prediction type",
        help="Read from the file. v for NoobAI v-pred and its relatives, epsilon for all others.",
        choices=("auto", "epsilon", "v"),
        more=True,
    )
    zero_terminal_snr: str = setting(
        "auto",
        "Zero terminal SNR",
        help="Read from the file. On for models that were trained from pure noise (NoobAI v-pred); "
        "wrong for NAI, Pony and Illustrious.",
        choices=("auto", "on", "off"),
        more=True,
    )
    no_half_vae: bool = setting(
        True,
        "No half VAE",
        help="Keeps the VAE in full precision: SDXL's own VAE turns to black in 16 bit.",
        more=True,
    )
