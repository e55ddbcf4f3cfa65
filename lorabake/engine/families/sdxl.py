"""What SDXL and everything made from it (Pony, Illustrious, NoobAI …) is called and made of."""

from __future__ import annotations

from lorabake.engine.families import load_model, model_config, model_pixel_multiple
from lorabake.engine.families.family import SDXL
from lorabake.engine.families.sgm_names import sgm_names, text_model_name

__all__ = ["load_model", "model_config", "model_pixel_multiple", "sgm_names", "text_model_name"]

PARTS = SDXL.parts
