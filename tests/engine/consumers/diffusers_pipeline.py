"""diffusers' own `load_lora_weights`, asked which keys of a file it used.

    python -m tests.engine.consumers.diffusers_pipeline FOLDER

prints {file: {"left": keys it did not use, "layers", "in_file": counts, "error": of the picture}}
for every FOLDER/<name>@<family>.safetensors.
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


def main(folder: Path) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from safetensors.torch import load_file

    from lorabake.engine.networks.attaching import network_for
    from tests.engine.tiny_networks import answers, tiny_model

    heard = _Heard()
    logging.getLogger("diffusers").addHandler(heard)
    said = {}
    for path in sorted(folder.glob("*.safetensors")):
        family = path.stem.partition("@")[2]
        model, ours = tiny_model(family), tiny_model(family)
        heard.said.clear()
        pipe = pipeline(model)
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name="it")
        network_for(ours, load_file(path))
        parts = [getattr(pipe, name, None) for name in ("unet", "text_encoder", "text_encoder_2")]
        layers = sum(
            isinstance(module, BaseTunerLayer)
            for part in parts
            if part is not None
            for module in part.modules()
        )
        said[path.name] = {
            "left": [
                text
                for text in heard.said
                if "unexpected" in text.lower() or "missing" in text.lower()
            ],
            "layers": layers,
            "in_file": sum(key.endswith(".alpha") for key in load_file(path)),
            "error": max(_apart(a, b) for a, b in zip(answers(model), answers(ours), strict=True)),
        }
    print(json.dumps(said))  # noqa: T201 - the answer


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
