"""What a file says of its network, as the kohya trainers and LyCORIS would write it. No torch."""

from __future__ import annotations

import json

from lorabake.engine.networks.checks import conv_shape, trains_convolutions
from lorabake.engine.networks.settings import NetworkSettings

# LyCORIS's names for the choice of layers.
PRESETS = {"attn": "attn-only", "attn-mlp": "attn-mlp", "full": "full"}


def network_notes(settings: NetworkSettings) -> dict[str, str]:
    """ss_network_module, ss_network_dim, ss_network_alpha and ss_network_args (JSON)."""
    lycoris = settings.dora or settings.type in ("loha", "lokr", "glora")
    args = _lycoris_args(settings) if lycoris else {}
    if trains_convolutions(settings):
        dim, alpha = conv_shape(settings)
        args |= {"conv_dim": str(dim), "conv_alpha": str(alpha)}
    for key in ("rank_dropout", "module_dropout"):
        if value := getattr(settings, key):
            args[key] = str(value)
    return {
        "ss_network_module": "lycoris.kohya" if lycoris else "networks.lora",
        "ss_network_dim": str(settings.network_dim),
        "ss_network_alpha": str(settings.network_alpha),
        "ss_network_args": json.dumps(args),
    }


def _lycoris_args(settings: NetworkSettings) -> dict[str, str]:
    full = trains_convolutions(settings)
    args = {
        "algo": settings.type,
        "preset": "full" if full else PRESETS[settings.target_layers],
    }
    if settings.dora:
        args |= {"dora_wd": "True", "wd_on_output": str(settings.wd_on_output)}
    if settings.type == "lokr":
        args["factor"] = str(settings.factor)
        if settings.decompose_both:
            args["decompose_both"] = "True"
    return args
