"""diffusers' own `load_lora_weights`, asked which keys of a file it used; in the process of diffusers_peft.

    python -m tests.engine.consumers.diffusers_pipeline FILE

puts a file onto the practice model and prints what was used of it as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from torch import Tensor


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def pipeline(model: Any) -> Any:
    import diffusers

    scheduler = diffusers.EulerDiscreteScheduler()
    common = {
        "vae": model.vae,
        "unet": model.unet,
        "text_encoder": model.text_encoder,
        "tokenizer": None,
        "scheduler": scheduler,
    }
    if model.family == "sdxl":
        return diffusers.StableDiffusionXLPipeline(
            **common,
            text_encoder_2=model.text_encoder_2,
            tokenizer_2=None,
            add_watermarker=False,
        )
    return diffusers.StableDiffusionPipeline(
        **common, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def used(path: Path) -> dict[str, Any]:
    """{"left": what diffusers says of keys it did not use, "layers" and "in_file": counts, "error": of
    what its networks answer, beside ours}."""
    from safetensors.torch import load_file

    from lorabake.engine.networks.attaching import network_for
    from tests.engine.tiny_networks import answers, tiny_model

    family = path.stem.partition("@")[2]
    model, ours = tiny_model(family), tiny_model(family)
    taken = taken_by(model, path)
    network_for(ours, load_file(path))
    apart = [_apart(a, b) for a, b in zip(answers(model), answers(ours), strict=True)]
    return {**taken, "error": max(apart)}


def taken_by(model: Any, path: Path) -> dict[str, Any]:
    """Puts a file onto a model; {"left", "layers", "in_file"} of `used`."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from safetensors.torch import load_file

    heard, logger = _Heard(), logging.getLogger("diffusers")
    logger.addHandler(heard)
    pipe = pipeline(model)
    pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name="it")
    logger.removeHandler(heard)
    parts = [getattr(pipe, name, None) for name in ("unet", "text_encoder", "text_encoder_2")]
    layers = [module for part in parts if part is not None for module in part.modules()]
    about_keys = [  # a file without text encoders is none of them
        text for text in heard.said if not text.startswith("No LoRA keys associated to CLIP")
    ]
    return {
        "left": [text for text in about_keys if "expected" in text or "missing" in text.lower()],
        "layers": sum(isinstance(module, BaseTunerLayer) for module in layers),
        "in_file": sum(key.endswith(".alpha") for key in load_file(path)),
    }


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def main(path: Path) -> None:
    import peft  # noqa: F401  (before diffusers, which a model of ours is loaded without it otherwise)

    from lorabake.engine.families.sdxl import load_model
    from lorabake.recipe.models import SHIPPED

    sys.stdout.write(json.dumps(taken_by(load_model(SHIPPED["practice"]), path)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
