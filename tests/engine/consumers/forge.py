"""How Forge and reForge merge a network: ComfyUI's formulas, from which theirs are derived."""

from tests.engine.consumers.comfyui import merged

__all__ = ["merged"]
