"""Settings of a network that contradict each other, found before anything is loaded. No torch."""

from __future__ import annotations

from lorabake.core.errors import RecipeError
from lorabake.engine.networks.settings import NetworkSettings

WITH_DORA = ("lora", "locon")


def trains_convolutions(settings: NetworkSettings) -> bool:
    """A LoCon always; other types with a conv dim or all layers; a GLoRA never."""
    if settings.type == "glora":
        return False
    return settings.type == "locon" or settings.conv_dim > 0 or settings.target_layers == "full"


def conv_shape(settings: NetworkSettings) -> tuple[int, float]:
    """Rank and alpha of convolutions; those of the linear layers when there is no conv dim."""
    if settings.conv_dim:
        return settings.conv_dim, settings.conv_alpha or settings.conv_dim
    return linear_shape(settings)


def linear_shape(settings: NetworkSettings) -> tuple[int, float]:
    return settings.network_dim, settings.network_alpha or settings.network_dim


def require_sound(settings: NetworkSettings, scale_weight_norms: float = 0) -> None:
    """Raises RecipeError for what cannot be trained, or could not be drawn by other programs."""
    if not (settings.train_unet or settings.train_text_encoder):
        raise RecipeError(
            "Nothing would be trained: neither the U-Net nor the text encoders. "
            "Switch on at least one of them under Network Args."
        )
    if settings.dora and settings.type not in WITH_DORA:
        raise RecipeError(
            "DoRA is a switch of LoRA and LoCon only. Choose one of them as LoRA type, or switch DoRA off."
        )
    if settings.network_dropout and (settings.dora or settings.type in ("loha", "lokr")):
        what = "a DoRA" if settings.dora else NAMES[settings.type]
        raise RecipeError(
            f"Network dropout is not defined for {what}. Set it to 0; rank and module dropout work."
        )
    if settings.type != "glora":
        return
    if settings.conv_dim or settings.target_layers == "full":
        raise RecipeError(
            "A GLoRA is trained on linear layers only: A1111 cannot draw one of convolutions. "
            "Set Conv dim to 0 and Layers to attn-mlp."
        )
    if scale_weight_norms:
        raise RecipeError("Scale weight norms is not defined for a GLoRA. Set it to 0.")


NAMES = {"loha": "a LoHa", "lokr": "a LoKr"}
