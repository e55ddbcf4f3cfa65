"""The practice oven: a tiny SDXL model, trained from scratch here, and a sample project to bake.

Everything that costs time lives in the modules below; this one is imported by the page.
"""

from pathlib import Path

MODEL_DIR = Path(__file__).parent / "model"
TAGGER_DIR = Path(__file__).parent / "tagger"
SAMPLE_DIR = Path(__file__).parent / "sample"
SAMPLE_TRIGGER = "ohwx"
