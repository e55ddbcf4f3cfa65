"""lorabake: from an image search to a finished anime LoRA, on one page."""

__version__ = "0.1.0"
