"""The kinds of networks that can be trained."""

from __future__ import annotations

from lorabake.core.registry import Registry
from lorabake.engine.networks import lora

NETWORKS = Registry("LoRA type", lora.ENTRY)
